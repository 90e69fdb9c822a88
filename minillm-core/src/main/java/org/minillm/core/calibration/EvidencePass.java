package org.minillm.core.calibration;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Sets;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.minillm.core.model.InputTap;

/**
 * Gathers, layer after layer, what a forward pass shows at the tap points; forgotten when the layer
 * is done, so that there is one layer's in memory.
 */
final class EvidencePass implements InputTap {

  private static final Set<Evidence> STATISTICS =
      Sets.immutableEnumSet(Evidence.INPUT_STATISTICS, Evidence.WEIGHTED_INPUT_STATISTICS);
  private static final Set<Evidence> MOMENTS =
      Sets.immutableEnumSet(Evidence.SECOND_MOMENTS, Evidence.WEIGHTED_SECOND_MOMENTS);

  private final Set<Evidence> required;
  private final ImmutableSet<String> consumerInputs;
  private final NDManager owner;
  private final Map<Evidence, Map<String, ChannelStatistics>> statistics =
      new EnumMap<>(Evidence.class);
  private final Map<Evidence, Map<String, SecondMoments>> moments = new EnumMap<>(Evidence.class);
  private @Nullable NDArray weightRoots;

  /**
   * Begins a pass.
   *
   * @param required what is gathered
   * @param consumerInputs the tap points at which second moments are wanted
   * @param owner where the second moments hang
   */
  EvidencePass(Set<Evidence> required, ImmutableSet<String> consumerInputs, NDManager owner) {
    this.required = required;
    this.consumerInputs = consumerInputs;
    this.owner = owner;
  }

  /** Tells whether any of the evidence takes a forward pass. */
  static boolean isNeededFor(Set<Evidence> required) {
    return !Sets.intersection(required, Sets.union(STATISTICS, MOMENTS)).isEmpty();
  }

  @Override
  public void before(NDArray stream) {
    if (required.contains(Evidence.WEIGHTED_INPUT_STATISTICS)
        || required.contains(Evidence.WEIGHTED_SECOND_MOMENTS)) {
      weightRoots = TokenWeights.STREAM.roots(stream);
    }
  }

  @Override
  public void accept(String point, NDArray input) {
    for (Evidence kind : Sets.intersection(required, STATISTICS)) {
      NDArray rows = kind == Evidence.INPUT_STATISTICS ? input : input.mul(weightRoots);
      int channels = Math.toIntExact(input.getShape().getLastDimension());
      statistics
          .computeIfAbsent(kind, any -> new HashMap<>())
          .computeIfAbsent(point, any -> new ChannelStatistics(channels))
          .accumulate(rows);
    }
    if (consumerInputs.contains(point)) {
      addMoments(point, input);
    }
  }

  private void addMoments(String point, NDArray input) {
    long channels = input.getShape().getLastDimension();
    for (Evidence kind : Sets.intersection(required, MOMENTS)) {
      NDArray rows = kind == Evidence.SECOND_MOMENTS ? input : input.mul(weightRoots);
      moments
          .computeIfAbsent(kind, any -> new HashMap<>())
          .computeIfAbsent(point, any -> new SecondMoments(channels, channels, owner))
          .add(rows, rows);
    }
  }

  /** Returns the statistics at a tap point of the present layer; null where none passed. */
  @Nullable ChannelStatistics statistics(Evidence kind, String point) {
    return statistics.getOrDefault(kind, Map.of()).get(point);
  }

  /** Returns the second moments at a tap point of the present layer; null where none passed. */
  @Nullable NDArray moments(Evidence kind, String point) {
    SecondMoments found = moments.getOrDefault(kind, Map.of()).get(point);
    return found == null ? null : found.sum();
  }

  /** Forgets the layer. */
  void layerDone() {
    statistics.clear();
    moments.values().forEach(points -> points.values().forEach(SecondMoments::close));
    moments.clear();
    weightRoots = null;
  }
}
