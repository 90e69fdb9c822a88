package org.minillm.criteria;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSortedMap;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
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
 * Compares the units of all layers: those whose removal costs least for each weight that goes are
 * removed first, whatever their layer. Heads are allocated so altogether (layers have few of them,
 * and equal parts of few are none); channels by a mixture with equal parts, {@code (1 - mix) *
 * uniform + mix * global}.
 *
 * <p>Each kind loses the target's ratio of its own weights.
 *
 * @param by what the units are compared by; which of a layer go is decided by the criterion's own
 *     scores all the same
 * @param mix of the channels, 0 to 1
 */
public record GlobalAllocation(Comparison by, double mix) implements Allocation {

  /** Half way, the best of the reference at a ratio of 50%. */
  public static final double DEFAULT_MIX = 0.5;

  // Checks the range.
  public GlobalAllocation {
    requireNonNull(by, "by");
    checkArgument(mix >= 0 && mix <= 1, "mix %s: expected a number between 0 and 1", mix);
  }

  /** By the stream, half way; for {@link java.util.ServiceLoader}. */
  public GlobalAllocation() {
    this(Comparison.STREAM, DEFAULT_MIX);
  }

  @Override
  public String name() {
    return "global";
  }

  @Override
  public Map<String, String> parameters() {
    return ImmutableMap.of("by", Parameters.id(by), "mix", Double.toString(mix));
  }

  @Override
  public Allocation with(Map<String, String> changes) {
    Parameters parameters = new Parameters(this, changes);
    return new GlobalAllocation(
        parameters.choice("by", Comparison.class), parameters.number("mix"));
  }

  @Override
  public Optional<ImportanceCriterion> criterion(GroupKind kind) {
    return by.criterion();
  }

  @Override
  public Allocated allocate(
      List<ScoredGroup> groups, PruningTarget target, CandidateLosses losses) {
    return Allocated.of(
        unitsToKeep(groups.stream().map(by::comparable).toList(), target, this::mixed));
  }

  /** How the channels are allocated. */
  @FunctionalInterface
  public interface ChannelAllocation {

    /**
     * Divides the ratio of the channels.
     *
     * @param channels all groups of channels
     * @param target of the channels alone
     * @return how many units each group keeps
     */
    Map<GroupId, Integer> unitsToKeep(List<ScoredGroup> channels, PruningTarget target);
  }

  /**
   * Compares the heads of all layers, and leaves the channels to others.
   *
   * @param groups all groups, with scores that compare
   * @param target how much is to be removed
   * @param ofChannels how the channels are allocated
   * @return how many units each group keeps
   */
  public static ImmutableSortedMap<GroupId, Integer> unitsToKeep(
      List<ScoredGroup> groups, PruningTarget target, ChannelAllocation ofChannels) {
    requireNonNull(groups, "groups");
    requireNonNull(target, "target");
    requireNonNull(ofChannels, "ofChannels");
    Map<GroupId, Integer> kept = new TreeMap<>();
    for (GroupKind kind : target.kinds()) {
      List<ScoredGroup> ofKind = groups.stream().filter(g -> g.id().kind() == kind).toList();
      kept.putAll(
          kind == GroupKind.MLP_CHANNELS
              ? ofChannels.unitsToKeep(ofKind, target)
              : global(ofKind, target));
    }
    return ImmutableSortedMap.copyOf(kept);
  }

  private Map<GroupId, Integer> mixed(List<ScoredGroup> groups, PruningTarget target) {
    Map<GroupId, Integer> uniform =
        new UniformAllocation().unitsToKeep(groups, target.of(GroupKind.MLP_CHANNELS, Set.of()));
    Map<GroupId, Integer> global = global(groups, target);
    Map<GroupId, Double> wanted = new HashMap<>();
    for (ScoredGroup group : groups) {
      wanted.put(
          group.id(),
          (1 - mix) * requireNonNull(uniform.get(group.id()))
              + mix * requireNonNull(global.get(group.id())));
    }
    return UnitRounding.of(groups, target, wanted);
  }

  private record Candidate(ScoredGroup group, double cost) {}

  /** Removes the units that cost least for each weight, lower layers first among equals. */
  private static Map<GroupId, Integer> global(List<ScoredGroup> groups, PruningTarget target) {
    Map<GroupId, Integer> kept = new TreeMap<>();
    List<Candidate> candidates = new ArrayList<>();
    long weights = 0;
    for (ScoredGroup group : groups) {
      kept.put(group.id(), group.units());
      weights += group.weights();
      if (!target.keepLayers().contains(group.id().layer())) {
        double[] scores = group.scores().toArray();
        Arrays.sort(scores);
        for (int i = 0; i < scores.length - UnitRounding.least(group, target); i++) {
          candidates.add(new Candidate(group, scores[i] / group.weightsPerUnit()));
        }
      }
    }
    candidates.sort(Comparator.comparingDouble(Candidate::cost).thenComparing(c -> c.group().id()));
    double owed = target.ratio() * weights;
    for (Candidate candidate : candidates) {
      double unit = candidate.group().weightsPerUnit();
      if (owed < unit / 2) {
        return kept;
      }
      kept.merge(candidate.group().id(), -1, Integer::sum);
      owed -= unit;
    }
    checkArgument(
        !candidates.isEmpty() && owed < candidates.get(0).group().weightsPerUnit() / 2.0,
        "pruning ratio %s cannot be reached with at least %s units a group and %s layers left"
            + " whole; ask for less or loosen these bounds",
        target.ratio(),
        target.minimumUnits(),
        target.keepLayers().size());
    return kept;
  }
}
