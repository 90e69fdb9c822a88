package org.minillm.core.pruning;

import com.google.common.collect.ImmutableSortedMap;
import java.util.List;
import org.minillm.core.model.GroupId;
import org.minillm.core.plugin.Plugin;

/** Decides how many units each group keeps. Which ones is decided by their scores alone. */
public interface Allocation extends Plugin {

  /**
   * Decides the counts.
   *
   * @param groups every group of the target's kinds, layers that are left whole included
   * @param target how much is to be removed, and within which bounds
   * @return for every group the number of units to keep
   * @throws IllegalArgumentException if the bounds leave nothing to remove; the message says which
   */
  ImmutableSortedMap<GroupId, Integer> unitsToKeep(List<ScoredGroup> groups, PruningTarget target);
}
