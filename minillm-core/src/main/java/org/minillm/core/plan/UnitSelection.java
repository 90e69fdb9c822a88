package org.minillm.core.plan;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;
import static java.util.Objects.requireNonNull;

import com.google.common.primitives.ImmutableIntArray;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.apiguardian.api.API;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.tensor.NotFiniteException;

/** Chooses which units stay once an allocation has said how many. */
@API(status = API.Status.INTERNAL)
public final class UnitSelection {

  private UnitSelection() {}

  /**
   * Keeps the units with the highest scores; of two equal ones, that with the lower number.
   *
   * @param group the scores
   * @param count how many units to keep, from 1 to all
   * @return their numbers, ascending
   * @throws IllegalArgumentException if the count is out of range
   * @throws NotFiniteException if a score is not finite
   */
  public static ImmutableIntArray keepHighest(ScoredGroup group, int count) {
    requireNonNull(group, "group");
    checkArgument(
        count >= 1 && count <= group.units(),
        "%s: %s units to keep, expected 1 to %s",
        group.id(),
        count,
        group.units());
    requireFinite("", group);
    // + 0.0 turns -0.0 into 0.0, else the two would not be a tie; the sort is stable
    return ImmutableIntArray.copyOf(
        IntStream.range(0, group.units())
            .boxed()
            .sorted(
                Comparator.comparingDouble((Integer unit) -> group.scores().get(unit) + 0.0)
                    .reversed())
            .limit(count)
            .mapToInt(Integer::intValue)
            .sorted());
  }

  /**
   * Refuses scores that cannot be compared.
   *
   * @param whose begins the message
   * @param group with its scores
   * @throws NotFiniteException if one of them is not finite
   */
  public static void requireFinite(String whose, ScoredGroup group) {
    requireNonNull(whose, "whose");
    requireNonNull(group, "group");
    for (int unit = 0; unit < group.units(); unit++) {
      double score = group.scores().get(unit);
      if (!Double.isFinite(score)) {
        throw new NotFiniteException(
            "%s%s: the score of unit %s is %s".formatted(whose, group.id(), unit, score));
      }
    }
  }

  /**
   * Refuses counts that are not one for each group, from 1 to all of its units.
   *
   * @param allocation whose counts they are
   * @param groups all groups
   * @param counts how many units each group keeps
   * @throws IllegalStateException if a count is missing, unknown or out of range
   */
  public static void requireCounts(
      String allocation, List<ScoredGroup> groups, Map<GroupId, Integer> counts) {
    requireNonNull(allocation, "allocation");
    requireNonNull(groups, "groups");
    requireNonNull(counts, "counts");
    Set<GroupId> unknown = new TreeSet<>(counts.keySet());
    for (ScoredGroup group : groups) {
      unknown.remove(group.id());
      Integer count = counts.get(group.id());
      checkState(
          count != null && count >= 1 && count <= group.units(),
          "allocation %s: %s of the %s units of %s to keep, expected 1 to %s",
          allocation,
          count == null ? "no number" : count,
          group.units(),
          group.id(),
          group.units());
    }
    checkState(
        unknown.isEmpty(),
        "allocation %s: units of %s to keep, which is none of the groups that it was given",
        allocation,
        unknown);
  }

  /**
   * Spells out which units stay: those with the highest scores.
   *
   * @param groups all groups
   * @param counts how many units each group keeps
   * @return the units of each group
   */
  public static Map<GroupId, PruningPlan.KeptUnits> kept(
      List<ScoredGroup> groups, Map<GroupId, Integer> counts) {
    requireNonNull(groups, "groups");
    requireNonNull(counts, "counts");
    Map<GroupId, PruningPlan.KeptUnits> kept = new TreeMap<>();
    for (ScoredGroup group : groups) {
      kept.put(
          group.id(),
          new PruningPlan.KeptUnits(
              group.units(), keepHighest(group, requireNonNull(counts.get(group.id())))));
    }
    return kept;
  }
}
