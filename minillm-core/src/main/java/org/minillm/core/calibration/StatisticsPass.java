package org.minillm.core.calibration;

import ai.djl.ndarray.NDArray;
import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.InputTap;
import org.minillm.core.model.PassListener;
import org.minillm.core.model.Sweep;
import org.minillm.core.model.WeightTransform;

/**
 * One forward pass over a calibration set that gathers {@link ChannelStatistics} at every tap
 * point.
 */
public final class StatisticsPass implements InputTap {

  private final Map<String, ChannelStatistics> statistics = new LinkedHashMap<>();

  private StatisticsPass() {}

  /**
   * Runs the pass. The language head is not needed and not computed.
   *
   * @param model the model; read only
   * @param data the windows
   * @param listener told of the progress, a step a layer
   * @return tap point to the statistics of its channels
   * @throws IOException if the checkpoint cannot be read
   */
  public static ImmutableMap<String, ChannelStatistics> run(
      CausalLm model, CalibrationSet data, PassListener listener) throws IOException {
    StatisticsPass pass = new StatisticsPass();
    listener.passStarted("statistics", model.config().layers().size());
    try (Sweep sweep = new Sweep(model)) {
      sweep.add(data.windows(), WeightTransform.NONE, pass);
      sweep.run(layer -> listener.stepDone());
    }
    listener.passDone();
    return ImmutableMap.copyOf(pass.statistics);
  }

  /** {@inheritDoc} */
  @Override
  public void accept(String point, NDArray input) {
    int channels = Math.toIntExact(input.getShape().getLastDimension());
    statistics.computeIfAbsent(point, any -> new ChannelStatistics(channels)).accumulate(input);
  }
}
