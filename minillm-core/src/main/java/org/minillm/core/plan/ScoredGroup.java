package org.minillm.core.plan;

import static java.util.Objects.requireNonNull;

import com.google.common.primitives.ImmutableDoubleArray;
import org.minillm.core.architecture.GroupId;

/**
 * What an allocation knows of a group.
 *
 * @param id layer and kind
 * @param weightsPerUnit how many weights go when a unit goes
 * @param scores one a unit, higher is more worth keeping
 */
public record ScoredGroup(GroupId id, long weightsPerUnit, ImmutableDoubleArray scores) {

  // Refuses nulls.
  public ScoredGroup {
    requireNonNull(id, "id");
    requireNonNull(scores, "scores");
  }

  /**
   * Returns the number of units.
   *
   * @return the length of {@link #scores()}
   */
  public int units() {
    return scores.length();
  }

  /**
   * Returns the number of weights of the whole group.
   *
   * @return units times weights a unit
   */
  public long weights() {
    return units() * weightsPerUnit;
  }
}
