package org.minillm.nd4j;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import java.util.Optional;
import org.minillm.core.tensor.Factor;
import org.nd4j.linalg.api.blas.BlasException;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.INDArrayIndex;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * Cholesky's factor by LAPACK's potrf, kept as its inverse L^-1, with which everything is a matrix
 * product: A^-1 = L^-T L^-1. (ND4J's triangular solve, trsm, takes square right sides only and
 * mistakes its arguments.)
 */
final class Nd4jCholesky implements Factor {

  /** Smaller blocks are inverted in Java. */
  private static final int LEAF = 64;

  private final INDArray inverseFactor;
  private final NDManager owner;

  private Nd4jCholesky(INDArray inverseFactor, NDManager owner) {
    this.inverseFactor = inverseFactor;
    this.owner = owner;
  }

  /** As {@code Kernels.factor}. */
  static Optional<Factor> of(NDArray matrix, double[] ridge) {
    try (INDArray widened = Transfer.doubles(matrix);
        INDArray factor = widened.dup('f')) {
      for (int i = 0; i < ridge.length; i++) {
        factor.putScalar(i, i, factor.getDouble(i, i) + ridge[i]);
      }
      if (!factorise(factor)) {
        return Optional.empty();
      }
      return Optional.of(new Nd4jCholesky(inverse(factor), matrix.getManager().newSubManager()));
    }
  }

  /** Replaces a matrix by its lower factor; false where it is not positive definite. */
  private static boolean factorise(INDArray matrix) {
    try {
      Nd4j.getBlasWrapper().lapack().potrf(matrix, true);
    } catch (BlasException e) {
      // of a positive status, the order of a minor that is not positive, or of a NaN
      return false;
    }
    for (int i = 0; i < matrix.rows(); i++) {
      double root = matrix.getDouble(i, i);
      if (!(root > 0 && root < Double.POSITIVE_INFINITY)) {
        return false;
      }
    }
    return true;
  }

  /** Inverts a lower triangular matrix: (B 0; C D)^-1 = (B^-1 0; -D^-1 C B^-1, D^-1). */
  private static INDArray inverse(INDArray lower) {
    int size = lower.rows();
    if (size <= LEAF) {
      return inverseOfLeaf(lower);
    }
    int half = size / 2;
    INDArrayIndex top = NDArrayIndex.interval(0, half);
    INDArrayIndex bottom = NDArrayIndex.interval(half, size);
    INDArray whole = Nd4j.create(lower.dataType(), new long[] {size, size}, 'f');
    try (INDArray upper = inverse(lower.get(top, top));
        INDArray below = inverse(lower.get(bottom, bottom));
        INDArray corner = lower.get(bottom, top).dup('f');
        INDArray product = corner.mmul(upper);
        INDArray solved = below.mmul(product)) {
      whole.get(top, top).assign(upper);
      whole.get(bottom, bottom).assign(below);
      whole.get(bottom, top).assign(solved.negi());
    }
    return whole;
  }

  private static INDArray inverseOfLeaf(INDArray lower) {
    int size = lower.rows();
    double[] l = Transfer.rowMajor(lower);
    double[] inverse = new double[size * size];
    for (int column = 0; column < size; column++) {
      inverse[column * size + column] = 1 / l[column * size + column];
      for (int row = column + 1; row < size; row++) {
        double sum = 0;
        for (int k = column; k < row; k++) {
          sum += l[row * size + k] * inverse[k * size + column];
        }
        inverse[row * size + column] = -sum / l[row * size + row];
      }
    }
    try (INDArray rows = Nd4j.createFromArray(inverse)) {
      return rows.reshape(size, size).dup('f');
    }
  }

  @Override
  public NDArray solve(NDArray rightSides) {
    try (INDArray right = Transfer.doubles(rightSides);
        INDArray half = inverseFactor.mmul(right);
        INDArray solution = Nd4j.gemm(inverseFactor, half, true, false)) {
      return Transfer.toEngine(solution, rightSides.getManager());
    }
  }

  @Override
  public double[] inverseDiagonal() {
    // the sums of squares of the columns of L^-1
    try (INDArray squares = inverseFactor.mul(inverseFactor);
        INDArray sums = squares.sum(0)) {
      return sums.toDoubleVector();
    }
  }

  @Override
  public NDArray inverse() {
    try (INDArray inverse = Nd4j.gemm(inverseFactor, inverseFactor, true, false);
        NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDArray made = Transfer.toEngine(inverse, owner);
      NDScope.unregister(made);
      return made;
    }
  }

  @Override
  public void close() {
    inverseFactor.close();
    owner.close();
  }
}
