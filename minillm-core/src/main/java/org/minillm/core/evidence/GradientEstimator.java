package org.minillm.core.evidence;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.Sets;
import java.io.IOException;
import java.util.Set;
import org.minillm.core.plugin.ConfigurablePlugin;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.PassRunner;

/** Estimates the loss gradient of the prunable weights, or of gates. Holds no state. */
public interface GradientEstimator extends ConfigurablePlugin<GradientEstimator> {

  /** A difference of losses takes two. */
  int PERTURBED_STREAMS = 2;

  /**
   * Tells which gradients it estimates.
   *
   * @return of {@link Evidence#GRADIENT} and {@link Evidence#GATE_GRADIENT}; the first by default
   */
  default Set<Evidence> provides() {
    return Sets.immutableEnumSet(Evidence.GRADIENT);
  }

  /**
   * Forecasts what the estimate needs in memory.
   *
   * @param model the model
   * @param data the text on which the loss is measured
   * @return two perturbed streams and of each what the language head reads, unless overridden
   */
  default MemoryForecast memoryForecast(CausalLm model, CalibrationSet data) {
    requireNonNull(model, "model");
    requireNonNull(data, "data");
    return model
        .memoryForecast(data.window())
        .withStreams(
            PERTURBED_STREAMS * 2 * data.tokens() * model.config().hiddenSize() * Float.BYTES);
  }

  /**
   * Runs the passes of the estimate. The result is lazy: a tensor is materialised when its block is
   * scored.
   *
   * @param runner runs the passes; knows the model, which is read only
   * @param data the text on which the loss is measured
   * @param request what is wanted, within {@link #provides()}
   * @return the estimate; to be closed
   * @throws IOException if the checkpoint cannot be read
   */
  GradientEstimate estimate(PassRunner runner, CalibrationSet data, GradientRequest request)
      throws IOException;
}
