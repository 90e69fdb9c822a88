package org.minillm.core.calibration;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

/**
 * A sum over tokens of products, A^T B, such as X^T X of the inputs of a layer. Products are made
 * in float32 one micro-batch at a time, the sum over the micro-batches runs in double.
 */
public final class SecondMoments implements AutoCloseable {

  private final NDArray sum;

  /**
   * Begins a sum.
   *
   * @param rows columns of A
   * @param columns columns of B
   * @param owner where rows x columns x 8 bytes hang
   */
  public SecondMoments(long rows, long columns, NDManager owner) {
    requireNonNull(owner, "owner");
    try (NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      sum = owner.zeros(new Shape(rows, columns), DataType.FLOAT64);
      NDScope.unregister(sum);
    }
  }

  /**
   * Adds tokens.
   *
   * @param a FLOAT32, (…, rows)
   * @param b FLOAT32, (…, columns), of as many tokens
   */
  public void add(NDArray a, NDArray b) {
    try (NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDArray left = a.reshape(-1, sum.getShape().get(0));
      NDArray right = b.reshape(-1, sum.getShape().get(1));
      // float32 is added to float64 as it is: to widen the product first would take twice its
      // memory
      sum.addi(left.transpose().matMul(right));
    }
  }

  /**
   * Adds what was summed over other tokens.
   *
   * @param other of the same shape; left as it is
   */
  public void merge(SecondMoments other) {
    requireNonNull(other, "other");
    sum.addi(other.sum);
  }

  /**
   * Counts the columns of A.
   *
   * @return rows of the sum
   */
  public long rows() {
    return sum.getShape().get(0);
  }

  /**
   * Counts the columns of B.
   *
   * @return columns of the sum
   */
  public long columns() {
    return sum.getShape().get(1);
  }

  /**
   * Returns the sum.
   *
   * @return FLOAT64, (rows, columns), owned by this; later tokens are added to it
   */
  public NDArray sum() {
    return sum;
  }

  /** Frees the matrix. */
  @Override
  public void close() {
    sum.close();
  }
}
