package org.minillm.core.tensor;

/** The small blocks on the diagonal of a {@link Cholesky} factor, row after row in an array. */
final class TriangularBlock {

  private TriangularBlock() {}

  /**
   * Replaces a symmetric matrix by its lower factor; zeros above the diagonal.
   *
   * @return false where it is not positive definite; the block is then spoilt
   */
  static boolean factorise(double[] block, int size) {
    for (int row = 0; row < size; row++) {
      for (int column = 0; column <= row; column++) {
        double rest = block[row * size + column];
        for (int k = 0; k < column; k++) {
          rest -= block[row * size + k] * block[column * size + k];
        }
        if (column < row) {
          block[row * size + column] = rest / block[column * size + column];
        } else if (rest > 0 && rest < Double.POSITIVE_INFINITY) {
          block[row * size + row] = Math.sqrt(rest);
        } else {
          return false;
        }
      }
      for (int column = row + 1; column < size; column++) {
        block[row * size + column] = 0;
      }
    }
    return true;
  }

  /** Replaces a lower triangular matrix by its inverse. */
  static void invert(double[] block, int size) {
    for (int column = 0; column < size; column++) {
      block[column * size + column] = 1 / block[column * size + column];
      for (int row = column + 1; row < size; row++) {
        double sum = 0;
        for (int k = column; k < row; k++) {
          sum += block[row * size + k] * block[k * size + column];
        }
        block[row * size + column] = -sum / block[row * size + row];
      }
    }
  }
}
