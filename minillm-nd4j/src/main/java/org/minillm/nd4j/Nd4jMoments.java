package org.minillm.nd4j;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import org.jspecify.annotations.Nullable;
import org.minillm.core.tensor.SecondMoments;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Second moments by ND4J's products, in its memory until they are asked for; then they are the
 * engine's, and ND4J's go.
 */
final class Nd4jMoments implements SecondMoments {

  private final long rows;
  private final long columns;
  private final NDManager owner;
  private @Nullable INDArray running;
  private @Nullable NDArray shown;

  Nd4jMoments(long rows, long columns, NDManager owner) {
    this.rows = rows;
    this.columns = columns;
    this.owner = owner.newSubManager();
  }

  @Override
  public void add(NDArray a, NDArray b) {
    try (INDArray left = Transfer.floats(a, rows)) {
      if (a == b) {
        addProduct(left, left);
      } else {
        try (INDArray right = Transfer.floats(b, columns)) {
          addProduct(left, right);
        }
      }
    }
  }

  private void addProduct(INDArray left, INDArray right) {
    try (INDArray product = Nd4j.gemm(left, right, true, false);
        INDArray widened = product.castTo(DataType.DOUBLE)) {
      running().addi(widened);
    }
  }

  @Override
  public void merge(SecondMoments later) {
    try (INDArray added = Transfer.doubles(later.sum())) {
      running().addi(added);
    }
  }

  private INDArray running() {
    if (running == null) {
      running =
          shown == null ? Nd4j.zeros(DataType.DOUBLE, rows, columns) : Transfer.doubles(shown);
    }
    if (shown != null) {
      shown.close();
      shown = null;
    }
    return running;
  }

  @Override
  public NDArray sum() {
    if (shown == null) {
      INDArray sum = running();
      try (NDScope scope = new NDScope()) {
        scope.suppressNotUsedWarning();
        NDArray made = Transfer.toEngine(sum, owner);
        NDScope.unregister(made);
        shown = made;
      }
      free();
    }
    return shown;
  }

  private void free() {
    if (running != null) {
      running.close();
      running = null;
    }
  }

  @Override
  public void close() {
    free();
    owner.close();
  }
}
