package org.minillm.core.plan;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.plugin.ConfigurablePlugin;

/**
 * Decides how many units each group keeps. Which ones is decided by their scores alone.
 *
 * <p>It goes by the scores that it is given, or by what its candidates cost, or by both.
 */
public interface Allocation extends ConfigurablePlugin<Allocation> {

  /**
   * Decides the counts.
   *
   * @param groups every group of the target's kinds, layers that are left whole included
   * @param target how much is to be removed, and within which bounds
   * @param losses measures candidates; may be asked where {@link #measuresLosses}
   * @return for every group the number of units to keep, and what was measured
   * @throws IOException if the checkpoint cannot be read
   * @throws IllegalArgumentException if the bounds leave nothing to remove; the message says which
   */
  Allocated allocate(List<ScoredGroup> groups, PruningTarget target, CandidateLosses losses)
      throws IOException;

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

  /**
   * Tells whether groups of a kind are compared with each other by the pruner's scores.
   *
   * @param kind of the groups
   * @return true where they are given and no {@link #criterion} of its own; to be overridden by
   *     those that compare nothing
   */
  default boolean comparesScores(GroupKind kind) {
    return criterion(kind).isEmpty();
  }
}
