package org.minillm.core.pruning;

import com.google.common.collect.ImmutableSortedMap;
import java.util.List;
import java.util.Optional;
import org.minillm.core.model.GroupId;
import org.minillm.core.model.GroupKind;
import org.minillm.core.plugin.ConfigurablePlugin;

/** Decides how many units each group keeps. Which ones is decided by their scores alone. */
public interface Allocation extends ConfigurablePlugin<Allocation> {

  /**
   * Decides the counts.
   *
   * @param groups every group of the target's kinds, layers that are left whole included
   * @param target how much is to be removed, and within which bounds
   * @return for every group the number of units to keep
   * @throws IllegalArgumentException if the bounds leave nothing to remove; the message says which
   */
  ImmutableSortedMap<GroupId, Integer> unitsToKeep(List<ScoredGroup> groups, PruningTarget target);

  /**
   * Says by which scores the groups are compared, where those that choose the units within a group
   * are not fit for it.
   *
   * @param kind the groups that are compared with each other
   * @return a criterion of its own; empty where {@link #unitsToKeep} is given the pruner's scores
   */
  default Optional<ImportanceCriterion> criterion(GroupKind kind) {
    return Optional.empty();
  }
}
