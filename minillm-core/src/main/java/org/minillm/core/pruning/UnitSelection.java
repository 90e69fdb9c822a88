package org.minillm.core.pruning;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.primitives.ImmutableIntArray;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.minillm.core.linalg.NotFiniteException;
import org.minillm.core.model.GroupId;

/** Chooses which units stay once an allocation has said how many. */
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
    checkArgument(
        count >= 1 && count <= group.units(),
        "%s: %s units to keep, expected 1 to %s",
        group.id(),
        count,
        group.units());
    for (int unit = 0; unit < group.units(); unit++) {
      double score = group.scores().get(unit);
      if (!Double.isFinite(score)) {
        throw new NotFiniteException(
            "%s: the score of unit %s is %s".formatted(group.id(), unit, score));
      }
    }
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

  /** Spells out which units stay, of all groups. */
  static Map<GroupId, PruningPlan.KeptUnits> kept(
      List<ScoredGroup> groups, Map<GroupId, Integer> counts) {
    Map<GroupId, PruningPlan.KeptUnits> kept = new TreeMap<>();
    for (ScoredGroup group : groups) {
      kept.put(
          group.id(),
          new PruningPlan.KeptUnits(group.units(), keepHighest(group, counts.get(group.id()))));
    }
    return kept;
  }
}
