package org.minillm.core.pruning;

import com.google.common.collect.ImmutableSortedMap;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.minillm.core.model.GroupId;
import org.minillm.core.model.GroupKind;
import org.minillm.core.plugin.ConfigurablePlugin;

/**
 * Decides how many units each group keeps. Which ones is decided by their scores alone.
 *
 * <p>One that goes by scores is {@link #unitsToKeep}. One that measures what its candidates cost
 * says so in {@link #measuresLosses} and has an {@link #allocate} of its own.
 */
public interface Allocation extends ConfigurablePlugin<Allocation> {

  /**
   * Decides the counts by scores.
   *
   * @param groups every group of the target's kinds, layers that are left whole included
   * @param target how much is to be removed, and within which bounds
   * @return for every group the number of units to keep
   * @throws IllegalArgumentException if the bounds leave nothing to remove; the message says which
   * @throws UnsupportedOperationException if the allocation {@link #measuresLosses}
   */
  ImmutableSortedMap<GroupId, Integer> unitsToKeep(List<ScoredGroup> groups, PruningTarget target);

  /**
   * Decides the counts by what candidates cost. Asked where {@link #measuresLosses}, and by
   * allocations that try others.
   *
   * @param groups every group of the target's kinds, layers that are left whole included
   * @param target how much is to be removed, and within which bounds
   * @param losses measures candidates
   * @return the counts, and what was measured
   * @throws IOException if the checkpoint cannot be read
   * @throws IllegalArgumentException if the bounds leave nothing to remove; the message says which
   */
  default Allocated allocate(List<ScoredGroup> groups, PruningTarget target, CandidateLosses losses)
      throws IOException {
    return Allocated.of(unitsToKeep(groups, target));
  }

  /**
   * Tells whether {@link #allocate} measures losses, which takes a calibration set.
   *
   * @return false by default
   */
  default boolean measuresLosses() {
    return false;
  }

  /**
   * Says by which scores the groups are compared, where those that choose the units within a group
   * are not fit for it.
   *
   * @param kind the groups that are compared with each other
   * @return a criterion of its own; empty where the allocation is given the pruner's scores
   */
  default Optional<ImportanceCriterion> criterion(GroupKind kind) {
    return Optional.empty();
  }
}
