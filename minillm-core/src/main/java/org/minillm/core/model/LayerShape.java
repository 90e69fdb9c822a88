package org.minillm.core.model;

/**
 * The sizes of one decoder layer that pruning changes.
 *
 * @param keyValueHeads key-value heads; query heads are this times {@link
 *     ModelConfig#queryHeadsPerKeyValueHead()}
 * @param intermediateSize MLP channels
 */
public record LayerShape(int keyValueHeads, int intermediateSize) {

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
   * Returns this shape with another number of units of one kind.
   *
   * @param kind the kind of unit
   * @param units how many of them are left
   * @return the new shape
   */
  public LayerShape with(GroupKind kind, int units) {
    return switch (kind) {
      case MLP_CHANNELS -> new LayerShape(keyValueHeads, units);
      case ATTENTION_HEADS -> new LayerShape(units, intermediateSize);
    };
  }
}
