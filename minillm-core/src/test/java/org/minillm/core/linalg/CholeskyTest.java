package org.minillm.core.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CholeskyTest {

  /** Well-conditioned problems of a few hundred unknowns in double. */
  private static final double TOLERANCE = 1e-9;

  private final NDManager manager = NDManager.newBaseManager();

  @AfterEach
  void close() {
    manager.close();
  }

  private NDArray matrix(int rows, int columns, double... values) {
    return manager.create(values, new Shape(rows, columns));
  }

  private NDArray random(int rows, int columns, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    return matrix(rows, columns, random.doubles((long) rows * columns, -1, 1).toArray());
  }

  @Test
  void aHandMadeSystemIsSolved() {
    // GIVEN [[4, 2], [2, 3]] x = [8, 8], whose solution is [1, 2]
    NDArray a = matrix(2, 2, 4, 2, 2, 3);

    // WHEN it is solved
    try (Cholesky cholesky = Cholesky.of(a).orElseThrow()) {
      NDArray x = cholesky.solve(matrix(2, 1, 8, 8));

      // THEN that is what comes out, and the inverse [[3, -2], [-2, 4]] / 8 has its diagonal
      assertThat(x.toDoubleArray()).containsExactly(new double[] {1, 2}, within(TOLERANCE));
      assertThat(cholesky.inverseDiagonal())
          .containsExactly(new double[] {3 / 8.0, 4 / 8.0}, within(TOLERANCE));
      assertThat(cholesky.inverse().toDoubleArray())
          .containsExactly(new double[] {3 / 8.0, -2 / 8.0, -2 / 8.0, 4 / 8.0}, within(TOLERANCE));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, Cholesky.BLOCK - 1, Cholesky.BLOCK, Cholesky.BLOCK + 1, 300})
  void theSolutionSatisfiesTheSystem(int size) {
    // GIVEN M^T M + 1 and right sides, of sizes around the blocks
    NDArray m = random(size, size, 1);
    NDArray a = m.transpose().matMul(m).add(manager.eye(size, size, 0, DataType.FLOAT64));
    NDArray b = random(size, 3, 2);
    double[] before = a.toDoubleArray();

    // WHEN it is solved
    try (Cholesky cholesky = Cholesky.of(a).orElseThrow()) {
      NDArray residual = a.matMul(cholesky.solve(b)).sub(b);

      // THEN nothing is left over, and the matrix is as it was
      assertThat(residual.abs().max().getDouble()).isLessThan(TOLERANCE);
      assertThat(a.toDoubleArray()).isEqualTo(before);
    }
  }

  @Test
  void theDiagonalOfTheInverseIsThatOfTheSolutions() {
    // GIVEN a matrix of several blocks
    int size = 2 * Cholesky.BLOCK + 7;
    NDArray m = random(size, size, 3);
    NDArray a = m.transpose().matMul(m).add(manager.eye(size, size, 0, DataType.FLOAT64));

    try (Cholesky cholesky = Cholesky.of(a).orElseThrow()) {
      // WHEN its inverse is made column by column
      NDArray inverse = cholesky.solve(manager.eye(size, size, 0, DataType.FLOAT64));

      // THEN the diagonal is the same
      double[] diagonal = cholesky.inverseDiagonal();
      for (int i = 0; i < size; i++) {
        assertThat(diagonal[i]).isCloseTo(inverse.getDouble(i, i), within(TOLERANCE));
      }
    }
  }

  @Test
  void aMatrixThatIsNotPositiveDefiniteHasNoFactor() {
    // GIVEN a singular and an indefinite matrix
    // WHEN they are factored
    // THEN there is no factor
    assertThat(Cholesky.of(matrix(2, 2, 1, 2, 2, 1))).isEmpty();
    assertThat(Cholesky.of(matrix(2, 2, 0, 0, 0, 0))).isEmpty();
    assertThat(Cholesky.of(matrix(1, 1, Double.NaN))).isEmpty();
  }

  @Test
  void aRidgeIsAddedToTheDiagonal() {
    // GIVEN [[1, 1], [1, 1]], which is singular, and the ridge [3, 1]
    try (Cholesky cholesky = Cholesky.ofRidged(matrix(2, 2, 1, 1, 1, 1), new double[] {3, 1})) {
      // WHEN [[4, 1], [1, 2]] x = [6, 5] is solved
      // THEN x is [1, 2]
      assertThat(cholesky.solve(matrix(2, 1, 6, 5)).toDoubleArray())
          .containsExactly(new double[] {1, 2}, within(TOLERANCE));
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 1, 1e12})
  void theRidgeRisesUntilASingularMatrixHasAFactor(double scale) {
    // GIVEN a matrix of rank 1 with a dead channel, and no ridge
    NDArray a = matrix(3, 3, 1, 1, 0, 1, 1, 0, 0, 0, 0).mul(scale);

    // WHEN it is factored
    // THEN there is a factor, of finite numbers
    try (Cholesky cholesky = Cholesky.ofRidged(a, new double[3])) {
      assertThat(cholesky.inverseDiagonal()).doesNotContain(Double.NaN);
    }
  }

  @Test
  void aMatrixThatIsNotFiniteIsRefused() {
    // GIVEN moments of activations that overflowed
    NDArray a = matrix(1, 1, Double.NaN);

    // WHEN they are factored
    // THEN the message says so, and nothing runs for ever
    assertThatThrownBy(() -> Cholesky.ofRidged(a, new double[1]))
        .isInstanceOf(ArithmeticException.class)
        .hasMessageContaining("not finite");
  }
}
