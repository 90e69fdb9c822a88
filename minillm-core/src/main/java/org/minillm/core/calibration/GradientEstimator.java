package org.minillm.core.calibration;

import com.google.common.collect.Sets;
import java.io.IOException;
import java.util.Set;
import org.minillm.core.journal.Journal;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.PassListener;
import org.minillm.core.plugin.ConfigurablePlugin;

/** Estimates the loss gradient of the prunable weights, or of gates. Holds no state. */
public interface GradientEstimator extends ConfigurablePlugin<GradientEstimator> {

  /**
   * Tells which gradients it estimates.
   *
   * @return of {@link Evidence#GRADIENT} and {@link Evidence#GATE_GRADIENT}; the first by default
   */
  default Set<Evidence> provides() {
    return Sets.immutableEnumSet(Evidence.GRADIENT);
  }

  /**
   * Forecasts what the estimate holds in memory beside the residual streams of forward passes.
   *
   * @param model the model
   * @param data the text on which the loss is measured
   * @return bytes; 0 by default
   */
  default long memoryBytes(CausalLm model, CalibrationSet data) {
    return 0;
  }

  /**
   * Runs the passes of the estimate. The result is lazy: a tensor is materialised when its block is
   * scored.
   *
   * @param model the model; read only
   * @param data the text on which the loss is measured
   * @param request what is wanted, within {@link #provides()}
   * @param listener told of the progress
   * @param journal where a long estimate finds and leaves what it has done; may be left alone
   * @return the estimate; to be closed
   * @throws IOException if the checkpoint cannot be read
   */
  GradientEstimate estimate(
      CausalLm model,
      CalibrationSet data,
      GradientRequest request,
      PassListener listener,
      Journal journal)
      throws IOException;

  /**
   * Estimates the gradient of all prunable weights.
   *
   * @param model the model; read only
   * @param data the text on which the loss is measured
   * @param listener told of the progress
   * @return the estimate; to be closed
   * @throws IOException if the checkpoint cannot be read
   */
  default GradientEstimate estimate(CausalLm model, CalibrationSet data, PassListener listener)
      throws IOException {
    return estimate(model, data, GradientRequest.WEIGHTS, listener, Journal.NONE);
  }
}
