package org.minillm.core.plan;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Sets;
import java.util.Set;
import org.minillm.core.architecture.GroupKind;

/**
 * How much is to be removed, and within which bounds.
 *
 * @param ratio of the parameters in the prunable groups of {@code kinds}, over all layers; between
 *     0 and 1, both excluded
 * @param kinds what may be removed
 * @param multipleOf the units that a layer keeps are a multiple of this (hardware and quantisers
 *     want 32 or 256); applies to MLP channels
 * @param minimumUnits at least this many units stay in every group
 * @param keepLayers layers that are left whole; the others give the more
 */
public record PruningTarget(
    double ratio,
    ImmutableSet<GroupKind> kinds,
    int multipleOf,
    int minimumUnits,
    ImmutableSet<Integer> keepLayers) {

  // Checks the ranges.
  public PruningTarget {
    requireNonNull(kinds, "kinds");
    requireNonNull(keepLayers, "keepLayers");
    if (!(ratio > 0 && ratio < 1)) {
      throw new IllegalArgumentException(
          "pruning ratio " + ratio + ": expected a number between 0 and 1, both excluded");
    }
    if (kinds.isEmpty()) {
      throw new IllegalArgumentException(
          "no group kind to prune: expected channels, heads or both");
    }
    if (multipleOf < 1) {
      throw new IllegalArgumentException("multiple of " + multipleOf + ": expected at least 1");
    }
    if (minimumUnits < 1) {
      throw new IllegalArgumentException("minimum units " + minimumUnits + ": expected at least 1");
    }
  }

  /**
   * A ratio with no further bounds.
   *
   * @param ratio of the parameters in the prunable groups
   * @param kinds what may be removed
   * @return the target
   */
  public static PruningTarget of(double ratio, GroupKind... kinds) {
    requireNonNull(kinds, "kinds");
    return new PruningTarget(ratio, ImmutableSet.copyOf(kinds), 1, 1, ImmutableSet.of());
  }

  /**
   * The part of this target that one kind has to give.
   *
   * @param kind of the target's kinds
   * @param alsoKept layers that are left whole beside {@link #keepLayers()}
   * @return the same ratio and bounds
   */
  public PruningTarget of(GroupKind kind, Set<Integer> alsoKept) {
    return new PruningTarget(
        ratio,
        Sets.immutableEnumSet(kind),
        multipleOf,
        minimumUnits,
        Sets.union(keepLayers, alsoKept).immutableCopy());
  }
}
