package org.minillm.core.evidence;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.common.collect.ImmutableSetMultimap;
import com.google.common.collect.SetMultimap;
import com.google.common.collect.Sets;
import java.util.Collection;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.Observer;
import org.minillm.core.runtime.Sums;
import org.minillm.core.tensor.ChannelStatistics;
import org.minillm.core.tensor.Kernels;
import org.minillm.core.tensor.SecondMoments;

/** What a forward pass shows at the tap points of one layer, summed over the tokens. */
final class EvidenceSums implements Sums<EvidenceSums> {

  private static final Set<Evidence> STATISTICS =
      Sets.immutableEnumSet(Evidence.INPUT_STATISTICS, Evidence.WEIGHTED_INPUT_STATISTICS);
  private static final Set<Evidence> MOMENTS =
      Sets.immutableEnumSet(Evidence.SECOND_MOMENTS, Evidence.WEIGHTED_SECOND_MOMENTS);
  private static final Set<Evidence> WEIGHTED =
      Sets.immutableEnumSet(Evidence.WEIGHTED_INPUT_STATISTICS, Evidence.WEIGHTED_SECOND_MOMENTS);

  private final NDManager owner;
  private final Kernels kernels;
  private final Map<Evidence, Map<String, ChannelStatistics>> statistics =
      new EnumMap<>(Evidence.class);
  private final Map<Evidence, Map<String, SecondMoments>> moments = new EnumMap<>(Evidence.class);

  /**
   * Begins with nothing.
   *
   * @param owner where the second moments hang
   * @param kernels make the sums
   */
  EvidenceSums(NDManager owner, Kernels kernels) {
    this.owner = owner;
    this.kernels = kernels;
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
  static boolean takeAPassFor(Collection<Evidence> required) {
    return required.stream().anyMatch(Sets.union(STATISTICS, MOMENTS)::contains);
  }

  /** Tells whether a kind of evidence is a matrix for every consumer. */
  static boolean areSquaresFor(Collection<Evidence> required) {
    return required.stream().anyMatch(MOMENTS::contains);
  }

  /** Sums up what is asked for at the tap points, as of {@link #points}. */
  static Observer<EvidenceSums> at(ImmutableSetMultimap<Evidence, String> points, Kernels kernels) {
    boolean weighted = points.keySet().stream().anyMatch(WEIGHTED::contains);
    ImmutableSetMultimap<String, Evidence> kinds = points.inverse();
    return new Observer<>() {
      @Override
      public EvidenceSums begin(NDManager owner) {
        return new EvidenceSums(owner, kernels);
      }

      @Override
      public BlockTap watch(EvidenceSums sums, int batch, NDManager scratch) {
        return new BlockTap() {
          @Override
          public void sublayer(Sublayer done) {
            NDArray roots = weighted ? TokenWeights.STREAM.roots(done.before()) : null;
            done.inputs()
                .forEach((point, input) -> sums.add(kinds.get(point), point, input, roots));
          }
        };
      }
    };
  }

  private void add(
      Collection<Evidence> kinds, String point, NDArray input, @Nullable NDArray roots) {
    int channels = Math.toIntExact(input.getShape().getLastDimension());
    for (Evidence kind : kinds) {
      NDArray rows = WEIGHTED.contains(kind) ? input.mul(roots) : input;
      if (MOMENTS.contains(kind)) {
        momentsAt(kind, point, channels, channels).add(rows, rows);
      } else {
        kernels.accumulate(statisticsAt(kind, point, channels), rows);
      }
    }
  }

  private SecondMoments momentsAt(Evidence kind, String point, long rows, long columns) {
    return moments
        .computeIfAbsent(kind, any -> new LinkedHashMap<>())
        .computeIfAbsent(point, any -> kernels.secondMoments(rows, columns, owner));
  }

  private ChannelStatistics statisticsAt(Evidence kind, String point, int channels) {
    return statistics
        .computeIfAbsent(kind, any -> new LinkedHashMap<>())
        .computeIfAbsent(point, any -> new ChannelStatistics(channels));
  }

  @Override
  public void merge(EvidenceSums later) {
    later.statistics.forEach(
        (kind, points) ->
            points.forEach(
                (point, found) -> statisticsAt(kind, point, found.channels()).merge(found)));
    later.moments.forEach(
        (kind, points) ->
            points.forEach(
                (point, found) ->
                    momentsAt(
                            kind,
                            point,
                            found.sum().getShape().get(0),
                            found.sum().getShape().get(1))
                        .merge(found)));
  }

  /** Returns the statistics at a tap point; null where none passed. */
  @Nullable ChannelStatistics statistics(Evidence kind, String point) {
    return statistics.getOrDefault(kind, Map.of()).get(point);
  }

  /** Returns the second moments at a tap point; null where none passed. */
  @Nullable NDArray moments(Evidence kind, String point) {
    SecondMoments found = moments.getOrDefault(kind, Map.of()).get(point);
    return found == null ? null : found.sum();
  }

  @Override
  public void close() {
    moments.values().forEach(points -> points.values().forEach(SecondMoments::close));
  }
}
