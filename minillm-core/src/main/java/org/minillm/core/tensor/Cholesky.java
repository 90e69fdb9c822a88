package org.minillm.core.tensor;

import static com.google.common.base.Preconditions.checkArgument;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The factor L of a symmetric positive definite matrix A = L L^T, in double, and what it solves.
 * Blocked: blocks on the diagonal are factored and inverted in Java, all else is matrix products of
 * the engine, which therefore are nearly all of the work (Golub and Van Loan, Matrix Computations,
 * 4.2). The factor has a result for every positive definite matrix and none for any other, within
 * rounding.
 */
final class Cholesky implements Factor {

  /** Large enough that products dominate, small enough that the work in Java is nothing. */
  static final int BLOCK = 96;

  private final NDManager manager;
  private final int size;
  // below the diagonal blocks: L; on and above them: what the algorithm left
  private final NDArray factor;
  private final List<NDArray> inverseDiagonalBlocks = new ArrayList<>();

  private Cholesky(NDManager manager, NDArray matrix) {
    this.manager = manager;
    this.size = Math.toIntExact(matrix.getShape().get(0));
    this.factor = matrix.duplicate();
    factor.attach(manager);
    NDScope.unregister(factor);
  }

  /** As {@link Kernels#factor}. */
  static Optional<Factor> of(NDArray matrix, double[] ridge) {
    Shape shape = matrix.getShape();
    checkArgument(
        matrix.getDataType() == DataType.FLOAT64
            && shape.dimension() == 2
            && shape.get(0) == shape.get(1)
            && shape.get(0) == ridge.length,
        "a matrix %s of %s with a ridge of %s, expected a square one of float64",
        shape,
        matrix.getDataType(),
        ridge.length);
    Cholesky cholesky = new Cholesky(matrix.getManager().newSubManager(), matrix);
    cholesky.addToDiagonal(ridge);
    if (cholesky.factorise()) {
      return Optional.of(cholesky);
    }
    cholesky.close();
    return Optional.empty();
  }

  private void addToDiagonal(double[] ridge) {
    try (NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDIndex everyNextRowAndColumn = new NDIndex().addSliceDim(0, (long) size * size, size + 1L);
      factor.reshape(-1).get(everyNextRowAndColumn).addi(manager.create(ridge));
    }
  }

  private boolean factorise() {
    for (int from = 0; from < size; from += BLOCK) {
      int to = Math.min(size, from + BLOCK);
      try (NDScope scope = new NDScope()) {
        scope.suppressNotUsedWarning();
        double[] block = HostMemory.doubleArray(part(factor, from, to, from, to));
        if (!TriangularBlock.factorise(block, to - from)) {
          return false;
        }
        TriangularBlock.invert(block, to - from);
        NDArray inverse = manager.create(block, new Shape(to - from, to - from));
        NDScope.unregister(inverse);
        inverseDiagonalBlocks.add(inverse);
        if (to < size) {
          NDArray panel = part(factor, to, size, from, to).matMul(inverse.transpose());
          factor.set(index(to, size, from, to), panel);
          part(factor, to, size, to, size).subi(panel.matMul(panel.transpose()));
        }
      }
    }
    return true;
  }

  private static NDIndex index(int fromRow, int toRow, int fromColumn, int toColumn) {
    return new NDIndex().addSliceDim(fromRow, toRow).addSliceDim(fromColumn, toColumn);
  }

  /** A view: what is written to it is in the array. */
  private static NDArray part(NDArray of, int fromRow, int toRow, int fromColumn, int toColumn) {
    return of.get(index(fromRow, toRow, fromColumn, toColumn));
  }

  @Override
  public NDArray solve(NDArray rightSides) {
    NDArray solution = forward(rightSides);
    int columns = Math.toIntExact(solution.getShape().get(1));
    for (int block = inverseDiagonalBlocks.size() - 1; block >= 0; block--) {
      int from = block * BLOCK;
      int to = Math.min(size, from + BLOCK);
      try (NDScope scope = new NDScope()) {
        scope.suppressNotUsedWarning();
        NDArray rows = part(solution, from, to, 0, columns);
        if (to < size) {
          NDArray below = part(factor, to, size, from, to).transpose();
          rows.subi(below.matMul(part(solution, to, size, 0, columns)));
        }
        NDArray inverse = inverseDiagonalBlocks.get(block);
        solution.set(index(from, to, 0, columns), inverse.transpose().matMul(rows));
      }
    }
    return solution;
  }

  /** Solves L Y = B. */
  private NDArray forward(NDArray rightSides) {
    NDArray solution = rightSides.duplicate();
    int columns = Math.toIntExact(solution.getShape().get(1));
    for (int block = 0; block < inverseDiagonalBlocks.size(); block++) {
      int from = block * BLOCK;
      int to = Math.min(size, from + BLOCK);
      try (NDScope scope = new NDScope()) {
        scope.suppressNotUsedWarning();
        NDArray rows = part(solution, from, to, 0, columns);
        if (from > 0) {
          NDArray left = part(factor, from, to, 0, from);
          rows.subi(left.matMul(part(solution, 0, from, 0, columns)));
        }
        solution.set(index(from, to, 0, columns), inverseDiagonalBlocks.get(block).matMul(rows));
      }
    }
    return solution;
  }

  @Override
  public double[] inverseDiagonal() {
    // A^-1 = L^-T L^-1: its diagonal is the sums of squares of the columns of L^-1
    double[] diagonal = new double[size];
    for (int block = 0; block < inverseDiagonalBlocks.size(); block++) {
      try (NDScope scope = new NDScope()) {
        scope.suppressNotUsedWarning();
        double[] sums = HostMemory.doubleArray(inverseColumns(block).square().sum(new int[] {0}));
        System.arraycopy(sums, 0, diagonal, block * BLOCK, sums.length);
      }
    }
    return diagonal;
  }

  @Override
  public NDArray inverse() {
    try (NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDArray inverse = solve(manager.eye(size, size, 0, DataType.FLOAT64));
      NDScope.unregister(inverse);
      return inverse;
    }
  }

  /** Computes a block of columns of L^-1, from the diagonal down: above it they are zero. */
  private NDArray inverseColumns(int first) {
    int top = first * BLOCK;
    int columns = Math.min(size, top + BLOCK) - top;
    NDArray solution = manager.zeros(new Shape(size - top, columns), DataType.FLOAT64);
    solution.set(index(0, columns, 0, columns), inverseDiagonalBlocks.get(first));
    for (int block = first + 1; block < inverseDiagonalBlocks.size(); block++) {
      int from = block * BLOCK;
      int to = Math.min(size, from + BLOCK);
      try (NDScope scope = new NDScope()) {
        scope.suppressNotUsedWarning();
        NDArray above = part(solution, 0, from - top, 0, columns);
        NDArray rows = part(factor, from, to, top, from).matMul(above);
        NDArray inverse = inverseDiagonalBlocks.get(block);
        solution.set(index(from - top, to - top, 0, columns), inverse.matMul(rows).neg());
      }
    }
    return solution;
  }

  @Override
  public void close() {
    manager.close();
  }
}
