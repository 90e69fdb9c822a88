package org.minillm.criteria;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.ImmutableSortedMap;
import com.google.common.collect.Sets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.minillm.core.model.GroupId;
import org.minillm.core.model.GroupKind;
import org.minillm.core.pruning.Allocation;
import org.minillm.core.pruning.ImportanceCriterion;
import org.minillm.core.pruning.PruningTarget;
import org.minillm.core.pruning.ScoredGroup;
import org.minillm.core.pruning.UniformAllocation;

/**
 * Leaves the channels of the first and the last layers whole, and takes equal parts of those
 * between: the first layers feed all others, and what the last ones spoil no layer makes up for.
 * Where the ratio would leave next to nothing of those between, the ends give too. Heads are
 * compared over all layers as in {@link GlobalAllocation}.
 *
 * @param first part of the layers, from the first on, rounded down
 * @param last part of the layers, up to the last, rounded down
 */
public record MiddleAllocation(double first, double last) implements Allocation {

  /** 4 of 30 or 32 layers, none of fewer than 8. */
  public static final double DEFAULT_FIRST = 0.134;

  /** 2 of 30 or 32 layers, none of fewer than 15. */
  public static final double DEFAULT_LAST = 0.067;

  /** Where the layers between would lose more than this, the ends give too. */
  private static final double MOST_OF_A_LAYER = 0.9;

  // Checks the ranges.
  public MiddleAllocation {
    checkArgument(
        first >= 0 && last >= 0 && first + last < 1,
        "first %s and last %s: expected parts of the layers that leave some between",
        first,
        last);
  }

  /** The default parts; for {@link java.util.ServiceLoader}. */
  public MiddleAllocation() {
    this(DEFAULT_FIRST, DEFAULT_LAST);
  }

  @Override
  public String name() {
    return "middle";
  }

  @Override
  public Map<String, String> parameters() {
    return ImmutableMap.of("first", Double.toString(first), "last", Double.toString(last));
  }

  @Override
  public Allocation with(Map<String, String> changes) {
    Parameters parameters = new Parameters(this, changes);
    return new MiddleAllocation(parameters.number("first"), parameters.number("last"));
  }

  @Override
  public Optional<ImportanceCriterion> criterion(GroupKind kind) {
    return kind == GroupKind.MLP_CHANNELS
        ? Optional.empty() // equal parts compare nothing
        : new GlobalAllocation().criterion(kind);
  }

  @Override
  public ImmutableSortedMap<GroupId, Integer> unitsToKeep(
      List<ScoredGroup> groups, PruningTarget target) {
    return GlobalAllocation.unitsToKeep(groups, target, this::channels);
  }

  private Map<GroupId, Integer> channels(List<ScoredGroup> groups, PruningTarget target) {
    int layers = groups.stream().mapToInt(group -> group.id().layer()).max().orElse(-1) + 1;
    int whole = (int) (first * layers);
    int from = layers - (int) (last * layers);
    ImmutableSet<Integer> ends =
        IntStream.range(0, layers)
            .filter(layer -> layer < whole || layer >= from)
            .boxed()
            .collect(ImmutableSet.toImmutableSet());
    double between = 1 - (double) Sets.union(target.keepLayers(), ends).size() / layers;
    if (target.ratio() > MOST_OF_A_LAYER * between) {
      ends = ImmutableSet.of();
    }
    return new UniformAllocation().unitsToKeep(groups, target.of(GroupKind.MLP_CHANNELS, ends));
  }
}
