package org.minillm.models;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

/** Scaled dot-product attention with a causal mask, for multi-head and grouped-query attention. */
final class CausalAttention {

  private CausalAttention() {}

  /** 0 where a row may look, minus infinity in its future: (length, length). */
  static NDArray mask(int length, NDManager owner) {
    float[] mask = new float[length * length];
    for (int row = 0; row < length; row++) {
      java.util.Arrays.fill(
          mask, row * length + row + 1, (row + 1) * length, Float.NEGATIVE_INFINITY);
    }
    return owner.create(mask, new Shape(length, length));
  }

  /**
   * Splits the output of a projection into heads.
   *
   * @param projected (batch, time, heads * headDim)
   * @return (batch, heads, time, headDim)
   */
  static NDArray split(NDArray projected, long headDim) {
    Shape shape = projected.getShape();
    return projected
        .reshape(shape.get(0), shape.get(1), shape.get(2) / headDim, headDim)
        .transpose(0, 2, 1, 3);
  }

  /**
   * Attends. The query heads of one key-value head are stacked along time, so that keys and values
   * are never repeated.
   *
   * @param queries (batch, query heads, time, headDim)
   * @param keys (batch, key-value heads, time, headDim)
   * @param values as keys
   * @param mask (time, time), added to the scores
   * @return (batch, time, query heads * headDim)
   */
  static NDArray attend(NDArray queries, NDArray keys, NDArray values, NDArray mask) {
    Shape shape = queries.getShape();
    long batch = shape.get(0);
    long heads = shape.get(1);
    long time = shape.get(2);
    long headDim = shape.get(3);
    long keyValueHeads = keys.getShape().get(1);
    long perKeyValue = heads / keyValueHeads;
    NDArray stacked = queries.reshape(batch, keyValueHeads, perKeyValue * time, headDim);
    NDArray scores = stacked.mul(1 / Math.sqrt(headDim)).matMul(keys.transpose(0, 1, 3, 2));
    NDArray probabilities =
        scores
            .reshape(batch, keyValueHeads, perKeyValue, time, time)
            .addi(mask)
            .softmax(-1)
            .reshape(batch, keyValueHeads, perKeyValue * time, time);
    return probabilities
        .matMul(values)
        .reshape(batch, heads, time, headDim)
        .transpose(0, 2, 1, 3)
        .reshape(batch, time, heads * headDim);
  }
}
