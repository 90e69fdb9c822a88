package org.minillm.core.plan;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Sets;
import java.util.Set;
import java.util.stream.IntStream;
import org.minillm.core.architecture.GroupKind;

/**
 * How much is to be removed, and within which bounds.
 *
 * @param ratio of the parameters in the prunable groups of {@code kinds}, over all layers; between
 *     0 and 1, both excluded
 * @param kinds what may be removed
 * @param multipleOf the channels that a layer keeps are a multiple of this; {@value
 *     #AS_THE_WIDTH_ALLOWS} for what {@link #forWidth} makes of it
 * @param minimumUnits at least this many units stay in every group
 * @param keepLayers layers that are left whole; the others give the more
 */
public record PruningTarget(
    double ratio,
    ImmutableSet<GroupKind> kinds,
    int multipleOf,
    int minimumUnits,
    ImmutableSet<Integer> keepLayers) {

  /** Stands for a multiple that depends on how wide the layers are. */
  public static final int AS_THE_WIDTH_ALLOWS = 0;

  /** Rows of whole blocks: 256 for the K-quants of GGUF, 32 for all other quantised types. */
  private static final int[] BLOCKS = {256, 32};

  /** Steps in a layer, at least: half of one is how far rounding may leave it from its share. */
  private static final int LEAST_STEPS = 32;

  // Checks the ranges.
  public PruningTarget {
    requireNonNull(kinds, "kinds");
    requireNonNull(keepLayers, "keepLayers");
    checkArgument(
        ratio > 0 && ratio < 1,
        "pruning ratio %s: expected a number between 0 and 1, both excluded",
        String.valueOf(ratio));
    checkArgument(!kinds.isEmpty(), "no group kind to prune: expected channels, heads or both");
    checkArgument(
        multipleOf >= AS_THE_WIDTH_ALLOWS,
        "multiple of %s: expected at least 1, or %s for what the width allows",
        multipleOf,
        AS_THE_WIDTH_ALLOWS);
    checkArgument(minimumUnits >= 1, "minimum units %s: expected at least 1", minimumUnits);
  }

  /**
   * Returns of what the channels of a layer are to be a multiple.
   *
   * @return at least 1; 1 where it is left to a width that is not known yet
   */
  @Override
  public int multipleOf() {
    return Math.max(1, multipleOf);
  }

  /**
   * A ratio with no further bounds.
   *
   * @param ratio of the parameters in the prunable groups
   * @param kinds what may be removed
   * @return the target, with widths that quantisers take where the layers are wide enough
   */
  public static PruningTarget of(double ratio, GroupKind... kinds) {
    requireNonNull(kinds, "kinds");
    return new PruningTarget(
        ratio, ImmutableSet.copyOf(kinds), AS_THE_WIDTH_ALLOWS, 1, ImmutableSet.of());
  }

  /**
   * Chooses the multiple, where that is left to the width: 256 or else 32, so that quantised rows
   * are of whole blocks, or 1 where one such step would be more than a 32nd of a layer.
   *
   * @param channels of the narrowest layer
   * @return a target with a multiple of at least 1
   */
  public PruningTarget forWidth(int channels) {
    return multipleOf != AS_THE_WIDTH_ALLOWS
        ? this
        : withMultipleOf(
            IntStream.of(BLOCKS)
                .filter(block -> block * LEAST_STEPS <= channels)
                .findFirst()
                .orElse(1));
  }

  /**
   * Returns the same target with another multiple.
   *
   * @param channels that a layer keeps are a multiple of this
   * @return the target
   */
  public PruningTarget withMultipleOf(int channels) {
    return new PruningTarget(ratio, kinds, channels, minimumUnits, keepLayers);
  }

  /**
   * Returns the same target with another lower bound.
   *
   * @param units that stay in every group at least
   * @return the target
   */
  public PruningTarget withMinimumUnits(int units) {
    return new PruningTarget(ratio, kinds, multipleOf, units, keepLayers);
  }

  /**
   * Returns the same target with other layers left whole.
   *
   * @param layers from 0
   * @return the target
   */
  public PruningTarget withKeepLayers(Set<Integer> layers) {
    return new PruningTarget(
        ratio,
        kinds,
        multipleOf,
        minimumUnits,
        ImmutableSet.copyOf(requireNonNull(layers, "layers")));
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
