package org.minillm.core.architecture;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.primitives.ImmutableIntArray;

/**
 * The sizes of one decoder layer that pruning changes.
 *
 * @param keyValueHeads key-value heads; query heads are this times {@link
 *     ModelConfig#queryHeadsPerKeyValueHead()}
 * @param intermediateSize MLP channels
 * @param keptHeads where a head's place in the dense model is part of what it computes (the slope
 *     of ALiBi): the place that each head had there, ascending, one a head. Empty where heads know
 *     nothing of their place
 */
public record LayerShape(int keyValueHeads, int intermediateSize, ImmutableIntArray keptHeads) {

  // Checks that every head has a place, or none has.
  public LayerShape {
    requireNonNull(keptHeads, "keptHeads");
    checkArgument(
        keptHeads.isEmpty() || keptHeads.length() == keyValueHeads,
        "%s places of %s heads, expected one a head",
        keptHeads.length(),
        keyValueHeads);
  }

  /**
   * Makes the shape of a layer whose heads know nothing of their place.
   *
   * @param keyValueHeads key-value heads
   * @param intermediateSize MLP channels
   */
  public LayerShape(int keyValueHeads, int intermediateSize) {
    this(keyValueHeads, intermediateSize, ImmutableIntArray.of());
  }

  /**
   * Returns the number of units of one kind.
   *
   * @param kind the kind of unit
   * @return how many of them the layer has
   */
  public int units(GroupKind kind) {
    return switch (kind) {
      case MLP_CHANNELS -> intermediateSize;
      case ATTENTION_HEADS -> keyValueHeads;
    };
  }

  /**
   * Returns the shape that is left of this one when only some units of one kind stay. Heads that
   * know their place keep it.
   *
   * @param kind the kind of unit
   * @param units the units of this layer that stay, ascending
   * @return the new shape
   */
  public LayerShape keeping(GroupKind kind, ImmutableIntArray units) {
    return switch (kind) {
      case MLP_CHANNELS -> new LayerShape(keyValueHeads, units.length(), keptHeads);
      case ATTENTION_HEADS -> new LayerShape(units.length(), intermediateSize, places(units));
    };
  }

  private ImmutableIntArray places(ImmutableIntArray heads) {
    return keptHeads.isEmpty()
        ? keptHeads
        : ImmutableIntArray.copyOf(heads.stream().map(keptHeads::get));
  }

  /**
   * Returns the counts alone.
   *
   * @return this shape without the places of its heads
   */
  public LayerShape sizes() {
    return new LayerShape(keyValueHeads, intermediateSize);
  }
}
