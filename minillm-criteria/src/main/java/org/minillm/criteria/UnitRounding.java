package org.minillm.criteria;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plan.ScoredGroup;

/** Makes whole counts of parts of units, so that the weights that go stay as many. */
public final class UnitRounding {

  private static final double ROUNDING_SLACK = 1e-9;

  private UnitRounding() {}

  /**
   * Whole steps down, then a step up for those that lost most by it until the sum is right.
   *
   * @param groups all groups
   * @param target has the multiple and the fewest units
   * @param wanted units of each group, with fractions
   * @return units that each group keeps
   */
  public static Map<GroupId, Integer> of(
      List<ScoredGroup> groups, PruningTarget target, Map<GroupId, Double> wanted) {
    requireNonNull(groups, "groups");
    requireNonNull(target, "target");
    requireNonNull(wanted, "wanted");
    Map<GroupId, Integer> kept = new TreeMap<>();
    List<ScoredGroup> givers = new ArrayList<>();
    double owed = 0;
    for (ScoredGroup group : groups) {
      double count = requireNonNull(wanted.get(group.id()));
      if (count >= group.units()) {
        kept.put(group.id(), group.units());
        continue;
      }
      int down = ((int) (count / target.multipleOf() + ROUNDING_SLACK)) * target.multipleOf();
      kept.put(group.id(), Math.max(down, least(group, target)));
      owed += (count - kept.get(group.id())) * group.weightsPerUnit();
      givers.add(group);
    }
    givers.sort(
        Comparator.comparingDouble(
                (ScoredGroup g) ->
                    requireNonNull(kept.get(g.id())) - requireNonNull(wanted.get(g.id())))
            .thenComparing(ScoredGroup::id));
    for (ScoredGroup group : givers) {
      int before = requireNonNull(kept.get(group.id()));
      // a last step may be a shorter one: a whole layer is a multiple of nothing
      int after = Math.min(before + target.multipleOf(), group.units());
      double step = (double) (after - before) * group.weightsPerUnit();
      if (owed + ROUNDING_SLACK * step < step / 2) {
        break;
      }
      kept.put(group.id(), after);
      owed -= step;
    }
    return kept;
  }

  /**
   * Returns the fewest units that a group may keep.
   *
   * @param group a group
   * @param target has the fewest units of all groups
   * @return at least 1
   */
  public static int least(ScoredGroup group, PruningTarget target) {
    requireNonNull(group, "group");
    requireNonNull(target, "target");
    return Math.min(group.units(), target.minimumUnits());
  }
}
