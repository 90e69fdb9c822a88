package org.minillm.core.prune;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.minillm.core.cut.PruningReport;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.runtime.CausalLm;

/**
 * Decides what to remove, then removes it. Implementations hold no state between calls.
 *
 * <p>An interrupt of the thread cancels a call. It ends with a {@link
 * java.nio.channels.ClosedByInterruptException}, the model stays usable, and no target appears.
 */
public interface Pruner {

  /**
   * Decides which units stay. Reads only.
   *
   * @param model the dense model
   * @param data the calibration set; null is enough where the criterion needs no forward pass
   * @return the plan
   * @throws IOException if the checkpoint cannot be read
   */
  PruningPlan plan(CausalLm model, @Nullable CalibrationSet data) throws IOException;

  /**
   * Writes the smaller model: a Hugging Face folder with the plan and a manifest beside the
   * weights. The target appears whole or not at all.
   *
   * @param model the model that the plan was made for
   * @param plan which units stay
   * @param data the calibration set; null is enough where nothing is restored
   * @param target the folder to write
   * @return what was removed
   * @throws IOException if the checkpoint cannot be read or the target cannot be written
   * @throws IllegalArgumentException if the plan was made for another model
   */
  PruningReport apply(CausalLm model, PruningPlan plan, @Nullable CalibrationSet data, Path target)
      throws IOException;
}
