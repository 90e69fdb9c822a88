package org.minillm.core.calibration;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.common.collect.ImmutableSetMultimap;
import com.google.common.collect.SetMultimap;
import com.google.common.collect.Sets;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.GroupKind;
import org.minillm.core.model.InputTap;
import org.minillm.core.model.PruningGroup;

/**
 * Gathers, layer after layer, what a forward pass shows at the tap points; forgotten when the layer
 * is done, so that there is one layer's in memory.
 */
final class EvidencePass implements InputTap {

  private static final Set<Evidence> STATISTICS =
      Sets.immutableEnumSet(Evidence.INPUT_STATISTICS, Evidence.WEIGHTED_INPUT_STATISTICS);
  private static final Set<Evidence> MOMENTS =
      Sets.immutableEnumSet(Evidence.SECOND_MOMENTS, Evidence.WEIGHTED_SECOND_MOMENTS);
  private static final Set<Evidence> WEIGHTED =
      Sets.immutableEnumSet(Evidence.WEIGHTED_INPUT_STATISTICS, Evidence.WEIGHTED_SECOND_MOMENTS);

  private final ImmutableSetMultimap<Evidence, String> points;
  private final NDManager owner;
  private final Map<Evidence, Map<String, ChannelStatistics>> statistics =
      new EnumMap<>(Evidence.class);
  private final Map<Evidence, Map<String, SecondMoments>> moments = new EnumMap<>(Evidence.class);
  private @Nullable NDArray weightRoots;

  /**
   * Begins a pass.
   *
   * @param points what is gathered at which tap points, as of {@link #points}
   * @param owner where the second moments hang
   */
  EvidencePass(ImmutableSetMultimap<Evidence, String> points, NDManager owner) {
    this.points = points;
    this.owner = owner;
  }

  /**
   * Finds the tap points of evidence: of statistics the inputs of all slices of the groups that are
   * scored by them, of second moments those of the consumers.
   */
  static ImmutableSetMultimap<Evidence, String> points(
      CausalLm model, SetMultimap<GroupKind, Evidence> required) {
    ImmutableSetMultimap.Builder<Evidence, String> points = ImmutableSetMultimap.builder();
    for (PruningGroup group : model.groups(required.keySet())) {
      for (Evidence kind : required.get(group.id().kind())) {
        if (MOMENTS.contains(kind)) {
          points.put(kind, requireNonNull(group.consumer().input()));
        } else if (STATISTICS.contains(kind)) {
          group.slices().stream()
              .filter(slice -> !slice.isBias())
              .forEach(slice -> points.put(kind, requireNonNull(slice.input())));
        }
      }
    }
    return points.build();
  }

  /** Tells whether any of the evidence takes a forward pass. */
  static boolean isNeededFor(Collection<Evidence> required) {
    return required.stream().anyMatch(Sets.union(STATISTICS, MOMENTS)::contains);
  }

  @Override
  public void before(NDArray stream) {
    if (points.keySet().stream().anyMatch(WEIGHTED::contains)) {
      weightRoots = TokenWeights.STREAM.roots(stream);
    }
  }

  @Override
  public void accept(String point, NDArray input) {
    int channels = Math.toIntExact(input.getShape().getLastDimension());
    for (Evidence kind : points.inverse().get(point)) {
      NDArray rows = WEIGHTED.contains(kind) ? input.mul(weightRoots) : input;
      if (MOMENTS.contains(kind)) {
        moments
            .computeIfAbsent(kind, any -> new HashMap<>())
            .computeIfAbsent(point, any -> new SecondMoments(channels, channels, owner))
            .add(rows, rows);
      } else {
        statistics
            .computeIfAbsent(kind, any -> new HashMap<>())
            .computeIfAbsent(point, any -> new ChannelStatistics(channels))
            .accumulate(rows);
      }
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
