package org.minillm.core.plan;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableSortedMap;
import com.google.common.collect.ImmutableSortedSet;
import com.google.common.math.IntMath;
import java.math.RoundingMode;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntToDoubleFunction;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;

/**
 * Takes the same share of every layer that is not left whole, so that equal layers stay equal and a
 * stock config.json can describe the result.
 *
 * <p>With {@code u} units in each of {@code a} layers of which {@code p} are pruned, a kind loses
 * {@code round(ratio * u * a / p)} units a pruned layer, a half rounded up. With two kinds, the one
 * with the costlier unit is rounded first and the other makes up for the rounding in weights: heads
 * are few and coarse, channels many and fine. Layers of unequal size (of a model that was pruned
 * before) lose the same share each; where the bounds stop one, the others give the more.
 */
public record UniformAllocation() implements Allocation {

  // 0.1 of 5 units must round as one half does, even where its product in double is a little less.
  private static final double ROUNDING_SLACK = 1e-9;

  /**
   * A group that gives units, its part in what all give, and how many units may stay: multiples of
   * step in a range.
   */
  private record Bounded(ScoredGroup group, double part, int step, int least, int most) {

    static Bounded of(ScoredGroup group, PruningTarget target, double part) {
      checkArgument(part > 0, "%s: part %s, expected more than 0", group.id(), part);
      int units = group.units();
      int step = group.id().kind() == GroupKind.MLP_CHANNELS ? target.multipleOf() : 1;
      // a group that is smaller than the minimum cannot reach it and stays whole
      int minimum = Math.min(target.minimumUnits(), units);
      int least = IntMath.divide(minimum, step, RoundingMode.CEILING) * step;
      int most = units / step * step;
      checkArgument(
          least <= most,
          "%s: no multiple of %s between the minimum of %s and its %s units; ask for a smaller"
              + " multiple, or leave the layer whole",
          group.id(),
          step,
          minimum,
          units);
      return new Bounded(group, part, step, least, most);
    }

    /** The share of its units that a group can give at most. */
    double largestShare() {
      return 1 - least / (double) group.units();
    }

    /** Where it gives the largest share. */
    double largestScale() {
      return largestShare() / part;
    }

    double shareAt(double scale) {
      return Math.min(scale * part, largestShare());
    }

    /** The allowed count nearest to a share removed, the smaller of two that are equally near. */
    int keptAt(double share) {
      double steps = group.units() * (1 - share) / step;
      double nearest = Math.ceil(steps - 0.5 - ROUNDING_SLACK) * step;
      return (int) Math.min(Math.max(nearest, least), most);
    }

    /** Half of what one step weighs: as far off as rounding may leave the group. */
    double roundingWeights() {
      return 0.5 * step * group.weightsPerUnit();
    }
  }

  @Override
  public String name() {
    return "uniform";
  }

  @Override
  public boolean comparesScores(GroupKind kind) {
    return false;
  }

  @Override
  public Allocated allocate(
      List<ScoredGroup> groups, PruningTarget target, CandidateLosses losses) {
    return Allocated.of(unitsToKeep(groups, target));
  }

  /**
   * Takes equal shares.
   *
   * @param groups every group of the target's kinds, layers that are left whole included
   * @param target how much is to be removed, and within which bounds
   * @return for every group the number of units to keep
   * @throws IllegalArgumentException if the bounds leave nothing to remove; the message says which
   */
  public ImmutableSortedMap<GroupId, Integer> unitsToKeep(
      List<ScoredGroup> groups, PruningTarget target) {
    return unitsToKeep(groups, target, layer -> 1);
  }

  /**
   * Takes shares in given proportions. Equal ones are rounded each for itself, so that equal layers
   * stay equal; of unequal ones each makes up for the rounding of the layers before it.
   *
   * @param groups every group of the target's kinds, layers that are left whole included
   * @param target how much is to be removed, and within which bounds
   * @param parts by layer, what its share is to be relative to the others'; above 0 for those that
   *     the target does not leave whole
   * @return for every group the number of units to keep
   * @throws IllegalArgumentException if the bounds leave nothing to remove; the message says which
   */
  public ImmutableSortedMap<GroupId, Integer> unitsToKeep(
      List<ScoredGroup> groups, PruningTarget target, IntToDoubleFunction parts) {
    requireKinds(groups, target);
    requireLayers(groups, target);
    Map<GroupId, Integer> kept = new HashMap<>();
    groups.forEach(group -> kept.put(group.id(), group.units()));
    double missing = 0; // weights that the kinds so far still owe, below 0 where they gave more
    double rounding = 0;
    for (GroupKind kind : costliestUnitFirst(groups, target)) {
      List<ScoredGroup> ofKind = groups.stream().filter(g -> g.id().kind() == kind).toList();
      List<Bounded> givers =
          ofKind.stream()
              .filter(group -> !target.keepLayers().contains(group.id().layer()))
              .sorted(Comparator.comparing(ScoredGroup::id))
              .map(group -> Bounded.of(group, target, parts.applyAsDouble(group.id().layer())))
              .toList();
      missing += target.ratio() * weights(ofKind);
      missing -= give(givers, missing, kept);
      rounding = givers.stream().mapToDouble(Bounded::roundingWeights).sum();
    }
    requireReached(groups, target, kept, missing <= rounding * (1 + ROUNDING_SLACK));
    return ImmutableSortedMap.copyOf(kept);
  }

  /** Returns the weights that the givers lose. */
  private static double give(List<Bounded> givers, double wanted, Map<GroupId, Integer> kept) {
    double scale = commonScale(givers, wanted);
    boolean equal = givers.stream().mapToDouble(Bounded::part).distinct().count() <= 1;
    double given = 0;
    double carried = 0; // weights that rounding still owes, below 0 where it took more
    for (Bounded giver : givers) {
      ScoredGroup group = giver.group();
      double share = giver.shareAt(scale) + carried / group.weights();
      int count = giver.keptAt(share);
      double removed = (double) (group.units() - count) * group.weightsPerUnit();
      kept.put(group.id(), count);
      given += removed;
      carried = equal ? 0 : share * group.weights() - removed;
    }
    return given;
  }

  /**
   * What every giver's part is multiplied with so that together they lose the wanted weights.
   * Givers that cannot lose so much give what they can, and the others the more.
   */
  private static double commonScale(List<Bounded> givers, double wantedWeights) {
    double wanted = wantedWeights;
    double free = givers.stream().mapToDouble(g -> g.part() * g.group().weights()).sum();
    for (Bounded giver :
        givers.stream().sorted(Comparator.comparingDouble(Bounded::largestScale)).toList()) {
      double scale = wanted / free;
      if (scale <= giver.largestScale()) {
        return scale;
      }
      wanted -= giver.largestShare() * giver.group().weights();
      free -= giver.part() * giver.group().weights();
    }
    return Double.MAX_VALUE; // beyond the bounds of all
  }

  private static List<GroupKind> costliestUnitFirst(
      List<ScoredGroup> groups, PruningTarget target) {
    return target.kinds().stream()
        .sorted(
            Comparator.comparingLong(
                    (GroupKind kind) ->
                        groups.stream()
                            .filter(group -> group.id().kind() == kind)
                            .mapToLong(ScoredGroup::weightsPerUnit)
                            .max()
                            .orElse(0))
                .reversed()
                .thenComparing(Comparator.naturalOrder()))
        .toList();
  }

  private static void requireKinds(List<ScoredGroup> groups, PruningTarget target) {
    for (ScoredGroup group : groups) {
      checkArgument(
          target.kinds().contains(group.id().kind()),
          "%s: the target's kinds are %s; a group of another kind would change the ratio's base",
          group.id(),
          target.kinds());
    }
    for (GroupKind kind : target.kinds()) {
      checkArgument(
          groups.stream().anyMatch(group -> group.id().kind() == kind),
          "the model has no group of kind %s; leave it out of the kinds to prune",
          kind.id());
    }
    checkArgument(
        groups.stream().map(ScoredGroup::id).distinct().count() == groups.size(),
        "a group is listed twice among %s groups",
        groups.size());
  }

  private static void requireLayers(List<ScoredGroup> groups, PruningTarget target) {
    ImmutableSortedSet<Integer> layers =
        groups.stream()
            .map(group -> group.id().layer())
            .collect(ImmutableSortedSet.toImmutableSortedSet(Comparator.naturalOrder()));
    for (int layer : target.keepLayers()) {
      checkArgument(
          layers.contains(layer),
          "layer %s is to be left whole, but the model has layers %s to %s",
          layer,
          layers.first(),
          layers.last());
    }
    checkArgument(
        target.keepLayers().size() < layers.size(),
        "all %s layers are to be left whole, so that none can be pruned; name fewer of them",
        layers.size());
  }

  private static void requireReached(
      List<ScoredGroup> groups, PruningTarget target, Map<GroupId, Integer> kept, boolean reached) {
    double ratio = reachedRatio(groups, kept);
    checkArgument(
        reached,
        "pruning ratio %s asked for, but %s is all that can be reached with at least %s units a"
            + " group, MLP channels in multiples of %s and %s layers left whole; ask for less or"
            + " loosen these bounds",
        target.ratio(),
        String.format(Locale.ROOT, "%.4f", ratio),
        target.minimumUnits(),
        target.multipleOf(),
        target.keepLayers().size());
    checkArgument(
        ratio > 0,
        "pruning ratio %s removes nothing: rounded to whole units (MLP channels to multiples of %s)"
            + " it is none in every layer; ask for more or for a smaller multiple",
        String.valueOf(target.ratio()),
        target.multipleOf());
  }

  private static double weights(List<ScoredGroup> groups) {
    return groups.stream().mapToLong(ScoredGroup::weights).sum();
  }

  /**
   * Computes the ratio that a set of counts comes to.
   *
   * @param groups the prunable groups, which are the ratio's base
   * @param kept units to keep by group; a group that is absent is kept whole
   * @return removed weights over all weights of the groups; 0 where there are none
   */
  public static double reachedRatio(List<ScoredGroup> groups, Map<GroupId, Integer> kept) {
    requireNonNull(groups, "groups");
    requireNonNull(kept, "kept");
    long removed =
        groups.stream()
            .mapToLong(
                group ->
                    (group.units() - kept.getOrDefault(group.id(), group.units()))
                        * group.weightsPerUnit())
            .sum();
    return removed == 0 ? 0 : removed / weights(groups);
  }
}
