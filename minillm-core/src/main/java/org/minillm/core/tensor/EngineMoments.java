package org.minillm.core.tensor;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

/** Second moments by the engine's products. */
final class EngineMoments implements SecondMoments {

  private final NDArray sum;

  EngineMoments(long rows, long columns, NDManager owner) {
    try (NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      sum = owner.zeros(new Shape(rows, columns), DataType.FLOAT64);
      NDScope.unregister(sum);
    }
  }

  @Override
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

  @Override
  public void merge(SecondMoments later) {
    sum.addi(later.sum());
  }

  @Override
  public NDArray sum() {
    return sum;
  }

  @Override
  public void close() {
    sum.close();
  }
}
