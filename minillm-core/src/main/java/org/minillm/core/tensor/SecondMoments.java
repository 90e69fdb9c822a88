package org.minillm.core.tensor;

import ai.djl.ndarray.NDArray;

/**
 * A sum over tokens of products, A^T B, such as X^T X of the inputs of a layer. Products are made
 * in float32 one micro-batch at a time, the sum over the micro-batches runs in double, in their
 * order. Owns rows x columns x 8 bytes, until it or the manager that it was made on is closed.
 */
public interface SecondMoments extends AutoCloseable {

  /**
   * Adds tokens.
   *
   * @param a FLOAT32, (…, rows)
   * @param b FLOAT32, (…, columns), of as many tokens
   */
  void add(NDArray a, NDArray b);

  /**
   * Adds what was summed over other tokens.
   *
   * @param later of the same shape, by the same kernels; left as it is
   */
  void merge(SecondMoments later);

  /**
   * Returns the sum.
   *
   * @return FLOAT64, (rows, columns), owned by this and read-only; gone, or changed, when tokens
   *     are added
   */
  NDArray sum();

  /** Frees the matrix. */
  @Override
  void close();
}
