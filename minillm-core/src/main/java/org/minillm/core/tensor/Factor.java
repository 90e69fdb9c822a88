package org.minillm.core.tensor;

import ai.djl.ndarray.NDArray;

/**
 * A symmetric positive definite matrix A in factors, in double, and what they solve. Owns native
 * memory: close it.
 */
public interface Factor extends AutoCloseable {

  /**
   * Solves A X = B.
   *
   * @param rightSides B, FLOAT64, (n, m)
   * @return X, FLOAT64, (n, m), a new array on the manager of {@code rightSides}
   */
  NDArray solve(NDArray rightSides);

  /**
   * Returns the diagonal of the inverse of A.
   *
   * @return n numbers
   */
  double[] inverseDiagonal();

  /**
   * Returns the inverse of A.
   *
   * @return FLOAT64, (n, n), owned by this factor; the caller may close it before
   */
  NDArray inverse();

  /** Frees the factors. */
  @Override
  void close();
}
