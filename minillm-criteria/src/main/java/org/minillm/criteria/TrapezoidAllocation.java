package org.minillm.criteria;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.plan.Allocated;
import org.minillm.core.plan.Allocation;
import org.minillm.core.plan.CandidateLosses;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plan.ScoredGroup;
import org.minillm.core.plan.UniformAllocation;

/**
 * A trapezoid over the depth: leaves the channels of the first and the last layers whole, and takes
 * equal parts of those between: the first layers feed all others, and what the last ones spoil no
 * layer makes up for. The parts can rise and fall in equal steps: over {@code n} layers the {@code
 * k}-th from the end loses {@code k / (n + 1)} of what those between lose. Where the ratio would
 * leave next to nothing of those between, all layers give the same. Heads are compared over all
 * layers as in {@link GlobalAllocation}.
 *
 * @param first part of the layers, from the first on, rounded down
 * @param last part of the layers, up to the last, rounded down
 * @param rise part of the layers, after the first ones, rounded down
 * @param fall part of the layers, before the last ones, rounded down
 * @param by what heads of different layers are compared by
 */
public record TrapezoidAllocation(
    double first, double last, double rise, double fall, Comparison by) implements Allocation {

  /** The parts of the best recipe (docs/method.md): of 30 layers 3, then 1 that gives a half. */
  private static final double DEFAULT_FIRST = 0.1;

  private static final double DEFAULT_RISE = 0.034;

  /** And of 30 layers the last 2, and before them 6 that give less and less. */
  private static final double DEFAULT_LAST = 0.067;

  private static final double DEFAULT_FALL = 0.2;

  /** Where the layers between would lose more than this, the ends give too. */
  private static final double MOST_OF_A_LAYER = 0.9;

  // Checks the ranges.
  public TrapezoidAllocation {
    requireNonNull(by, "by");
    checkArgument(
        first >= 0 && last >= 0 && rise >= 0 && fall >= 0 && first + last + rise + fall < 1,
        "first %s, last %s, rise %s and fall %s: expected parts of the layers that leave some"
            + " between",
        first,
        last,
        rise,
        fall);
  }

  /** The parts of the best recipe; heads compared by what a restoration cannot make up for. */
  public TrapezoidAllocation() {
    this(DEFAULT_FIRST, DEFAULT_LAST, DEFAULT_RISE, DEFAULT_FALL, Comparison.RESTORED);
  }

  /**
   * Equal parts between the ends.
   *
   * @param first part of the layers, from the first on, rounded down
   * @param last part of the layers, up to the last, rounded down
   */
  public TrapezoidAllocation(double first, double last) {
    this(first, last, 0, 0, Comparison.STREAM);
  }

  @Override
  public String name() {
    return "trapezoid";
  }

  @Override
  public Set<String> formerNames() {
    return Set.of("middle");
  }

  @Override
  public Map<String, String> parameters() {
    return ImmutableMap.of(
        "first", Double.toString(first),
        "last", Double.toString(last),
        "rise", Double.toString(rise),
        "fall", Double.toString(fall),
        "by", Parameters.id(by));
  }

  @Override
  public Allocation with(Map<String, String> changes) {
    Parameters parameters = new Parameters(this, changes);
    return new TrapezoidAllocation(
        parameters.number("first"),
        parameters.number("last"),
        parameters.number("rise"),
        parameters.number("fall"),
        parameters.choice("by", Comparison.class));
  }

  @Override
  public Optional<ImportanceCriterion> criterion(GroupKind kind) {
    return kind == GroupKind.MLP_CHANNELS
        ? Optional.empty() // equal parts compare nothing
        : by.criterion();
  }

  @Override
  public boolean comparesScores(GroupKind kind) {
    return kind != GroupKind.MLP_CHANNELS && by.criterion().isEmpty();
  }

  @Override
  public Allocated allocate(
      List<ScoredGroup> groups, PruningTarget target, CandidateLosses losses) {
    return Allocated.of(
        GlobalAllocation.unitsToKeep(
            groups.stream().map(by::comparable).toList(), target, this::channels));
  }

  private Map<GroupId, Integer> channels(List<ScoredGroup> groups, PruningTarget target) {
    int layers = groups.stream().mapToInt(group -> group.id().layer()).max().orElse(-1) + 1;
    ImmutableSet<Integer> ends =
        IntStream.range(0, layers)
            .filter(layer -> part(layer, layers) == 0)
            .boxed()
            .collect(ImmutableSet.toImmutableSet());
    double spared =
        IntStream.range(0, layers)
            .mapToDouble(layer -> target.keepLayers().contains(layer) ? 1 : 1 - part(layer, layers))
            .sum();
    boolean all = target.ratio() > MOST_OF_A_LAYER * (1 - spared / layers);
    return new UniformAllocation()
        .unitsToKeep(
            groups,
            target.of(GroupKind.MLP_CHANNELS, all ? ImmutableSet.of() : ends),
            layer -> all ? 1 : part(layer, layers));
  }

  /** What a layer loses, of what those between lose. */
  private double part(int layer, int layers) {
    int after = layer + 1 - (int) (first * layers);
    int before = layers - layer - (int) (last * layers);
    double rising = after / ((int) (rise * layers) + 1.0);
    double falling = before / ((int) (fall * layers) + 1.0);
    return Math.max(0, Math.min(1, Math.min(rising, falling)));
  }
}
