package org.minillm.criteria;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.minillm.core.model.GroupId;
import org.minillm.core.pruning.PruningTarget;
import org.minillm.core.pruning.ScoredGroup;

/** Makes whole counts of parts of units, so that the weights that go stay as many. */
final class WholeUnits {

  private static final double ROUNDING_SLACK = 1e-9;

  private WholeUnits() {}

  /** Whole steps down, then a step up for those that lost most by it until the sum is right. */
  static Map<GroupId, Integer> of(
      List<ScoredGroup> groups, PruningTarget target, Map<GroupId, Double> wanted) {
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

  /** The fewest units that a group may keep. */
  static int least(ScoredGroup group, PruningTarget target) {
    return Math.min(group.units(), target.minimumUnits());
  }
}
