package org.minillm.core.plan;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableSortedMap;
import java.util.Map;
import org.minillm.core.architecture.GroupId;

/**
 * What an allocation has decided, and on what grounds.
 *
 * @param unitsToKeep for every group the number of units to keep
 * @param findings what was measured on the way, names and values; for the plan
 */
public record Allocated(
    ImmutableSortedMap<GroupId, Integer> unitsToKeep, ImmutableSortedMap<String, String> findings) {

  // Refuses nulls.
  public Allocated {
    requireNonNull(unitsToKeep, "unitsToKeep");
    requireNonNull(findings, "findings");
  }

  /**
   * A decision that no measurement led to.
   *
   * @param unitsToKeep for every group the number of units to keep
   * @return the same with no findings
   */
  public static Allocated of(Map<GroupId, Integer> unitsToKeep) {
    requireNonNull(unitsToKeep, "unitsToKeep");
    return new Allocated(ImmutableSortedMap.copyOf(unitsToKeep), ImmutableSortedMap.of());
  }
}
