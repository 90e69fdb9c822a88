package org.minillm.core.calibration;

import java.io.IOException;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.PassListener;
import org.minillm.core.plugin.ConfigurablePlugin;

/** Estimates the loss gradient of the prunable weights. Implementations hold no state. */
public interface GradientEstimator extends ConfigurablePlugin<GradientEstimator> {

  /**
   * Runs the forward passes of the estimate. The result is lazy: a tensor is materialised when its
   * block is scored.
   *
   * @param model the model; read only
   * @param data the text on which the loss is measured
   * @param listener told of the progress
   * @return the estimate
   * @throws IOException if the checkpoint cannot be read
   */
  GradientEstimate estimate(CausalLm model, CalibrationSet data, PassListener listener)
      throws IOException;
}
