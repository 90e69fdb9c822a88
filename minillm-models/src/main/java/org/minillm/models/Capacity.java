package org.minillm.models;

import ai.djl.ndarray.types.Shape;
import com.google.common.primitives.Ints;
import java.util.Arrays;
import java.util.Map;

/**
 * What a checkpoint can hold at most: counts of config.json beyond it are refused before anything
 * is made of them. It is not what the tensors must be; that is compared when all are known.
 *
 * @param layers a layer has tensors, so no more than there are of these
 * @param size the longest axis of any tensor
 * @param reason why no more, for messages
 */
record Capacity(int layers, int size, String reason) {

  /** Of a model that has no tensors yet: well above any published one. */
  private static final Capacity OF_NO_CHECKPOINT =
      new Capacity(10_000, 1 << 24, "no model is that large");

  /**
   * Measures a checkpoint.
   *
   * @param stored its tensors; none where it is still to be made
   */
  static Capacity of(Map<String, Shape> stored) {
    return stored.isEmpty()
        ? OF_NO_CHECKPOINT
        : new Capacity(stored.size(), longestAxis(stored), "the tensors are not that large");
  }

  private static int longestAxis(Map<String, Shape> stored) {
    return Ints.saturatedCast(
        stored.values().stream()
            .filter(shape -> shape.size() > 0)
            .flatMapToLong(shape -> Arrays.stream(shape.getShape()))
            .max()
            .orElse(1));
  }
}
