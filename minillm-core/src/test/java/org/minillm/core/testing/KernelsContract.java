package org.minillm.core.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.tensor.ChannelStatistics;
import org.minillm.core.tensor.Compute;
import org.minillm.core.tensor.Factor;
import org.minillm.core.tensor.Kernels;
import org.minillm.core.tensor.RandomFill;
import org.minillm.core.tensor.Reduction;
import org.minillm.core.tensor.SecondMoments;

/**
 * What all kernels compute, by hand-computed values. The test of an implementation extends this.
 */
public abstract class KernelsContract {

  /** Well-conditioned problems of a few hundred unknowns in double. */
  private static final double SOLVED = 1e-9;

  /** A few sums in double, in another order. */
  private static final double ANOTHER_ORDER = 1e-12;

  private static final TensorSlice ROWS = new TensorSlice("gate", 0, 1, "x");
  private static final TensorSlice ROW_PAIRS = new TensorSlice("q", 0, 2, "x");
  private static final TensorSlice COLUMNS = new TensorSlice("down", 1, 1, "x");
  private static final TensorSlice COLUMN_PAIRS = new TensorSlice("o", 1, 2, "x");
  private static final TensorSlice BIAS = new TensorSlice("bias", 0, 1, null);

  private final NDManager manager = Compute.cpu().newManager();

  private final NDArray weight = array(new Shape(2, 4), 1, -2, 3, -4, 5, 6, -7, 8);
  private final NDArray gradient = array(new Shape(2, 4), 1, 1, -1, 2, -2, 1, 1, 0.5f);
  private final double[] norms = {1, 10, 100, 1000};

  /**
   * Returns what is tested.
   *
   * @return the kernels
   */
  protected abstract Kernels kernels();

  @AfterEach
  void close() {
    manager.close();
  }

  @Test
  void sumsTheRowsOfAProducer() {
    assertThat(reduce(ROWS, weight, null, null, 1, Reduction.SUM)).containsExactly(10, 26);
  }

  @Test
  void sumsTheColumnsOfAConsumer() {
    assertThat(reduce(COLUMNS, weight, null, null, 1, Reduction.SUM)).containsExactly(6, 8, 10, 12);
  }

  @Test
  void unitOwnsAsManyRowsAsTheWidth() {
    assertThat(reduce(ROW_PAIRS, weight, null, null, 1, Reduction.SUM)).containsExactly(36);
  }

  @Test
  void unitOwnsAsManyColumnsAsTheWidth() {
    assertThat(reduce(COLUMN_PAIRS, weight, null, null, 1, Reduction.SUM)).containsExactly(14, 22);
  }

  @Test
  void termIsTheProductOfWeightGradientAndNorm() {
    // GIVEN |W g n| = (1 20 300 8000; 10 60 700 4000)
    // THEN
    assertThat(reduce(ROWS, weight, gradient, norms, 1, Reduction.SUM)).containsExactly(8321, 4770);
    assertThat(reduce(COLUMN_PAIRS, weight, gradient, norms, 1, Reduction.SUM))
        .containsExactly(91, 13000);
  }

  @Test
  void absentGradientStandsForOne() {
    // GIVEN |W n| = (1 20 300 4000; 5 60 700 8000)
    // THEN
    assertThat(reduce(ROWS, weight, null, norms, 1, Reduction.SUM)).containsExactly(4321, 8765);
  }

  @Test
  void absentNormsStandForOne() {
    // GIVEN |W g| = (1 2 3 8; 10 6 7 4)
    // THEN
    assertThat(reduce(ROWS, weight, gradient, null, 1, Reduction.SUM)).containsExactly(14, 27);
  }

  @Test
  void exponentTwoSquaresTheTerms() {
    // GIVEN (W g)^2 = (1 4 9 64; 100 36 49 16)
    // THEN
    assertThat(reduce(COLUMNS, weight, gradient, null, 2, Reduction.SUM))
        .containsExactly(101, 40, 58, 80);
  }

  @Test
  void maximumIsOverAllWeightsOfTheUnit() {
    assertThat(reduce(ROWS, weight, gradient, null, 1, Reduction.MAX)).containsExactly(8, 10);
    assertThat(reduce(COLUMN_PAIRS, weight, gradient, norms, 1, Reduction.MAX))
        .containsExactly(60, 8000);
    assertThat(reduce(ROW_PAIRS, weight, null, null, 2, Reduction.MAX)).containsExactly(64);
  }

  @Test
  void biasHasOneNormForAllItsElements() {
    // GIVEN
    NDArray bias = array(new Shape(3), -1, 2, 0.5f);
    NDArray biasGradient = array(new Shape(3), 1, -1, 4);
    // THEN
    assertThat(reduce(BIAS, bias, biasGradient, new double[] {10}, 1, Reduction.SUM))
        .containsExactly(10, 20, 20);
  }

  @Test
  void sumsAreNotRoundedToFloat() {
    // GIVEN 2^24 + 1 + 1, where a float sum stays at 2^24
    NDArray row = array(new Shape(1, 3), 0x1.0p24f, 1, 1);
    // THEN
    assertThat(reduce(ROWS, row, null, null, 1, Reduction.SUM)).containsExactly(0x1.0p24 + 2);
  }

  @Test
  void notANumberIsNotHiddenByTheMaximum() {
    // GIVEN
    NDArray row = array(new Shape(1, 3), 1, Float.NaN, 2);
    // THEN
    assertThat(reduce(ROWS, row, null, null, 1, Reduction.MAX)).containsExactly(Double.NaN);
  }

  @Test
  void argumentsThatDoNotFitAreRejected() {
    assertRejected(ROWS, array(new Shape(8), 1, 1, 1, 1, 1, 1, 1, 1), null, 1, "(out, in)");
    assertRejected(new TensorSlice("o", 1, 3, "x"), gradient, null, 1, "width 3");
    assertRejected(ROWS, array(new Shape(1, 2), 1, 1), null, 1, "another shape");
    assertRejected(ROWS, gradient, new double[3], 1, "input norms");
    assertRejected(ROWS, gradient, null, 3, "exponent 3, expected 1 or 2");
  }

  private void assertRejected(
      TensorSlice slice, NDArray other, double[] norms, int exponent, String message) {
    NDArray first = other.getShape().dimension() == 1 ? other : weight;
    assertThatThrownBy(() -> reduce(slice, first, other, norms, exponent, Reduction.SUM))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }

  private double[] reduce(
      TensorSlice slice,
      NDArray of,
      @Nullable NDArray times,
      double @Nullable [] inputNorms,
      int exponent,
      Reduction reduction) {
    return kernels()
        .reduce(
            slice.terms(of).gradient(times).inputNorms(inputNorms).exponent(exponent), reduction);
  }

  private NDArray array(Shape shape, float... values) {
    return manager.create(values, shape);
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
    try (Factor factor = kernels().factor(a, noRidge(a)).orElseThrow()) {
      NDArray x = factor.solve(matrix(2, 1, 8, 8));

      // THEN that is what comes out, and the inverse [[3, -2], [-2, 4]] / 8 has its diagonal
      assertThat(x.toDoubleArray()).containsExactly(new double[] {1, 2}, within(SOLVED));
      assertThat(factor.inverseDiagonal())
          .containsExactly(new double[] {3 / 8.0, 4 / 8.0}, within(SOLVED));
      assertThat(factor.inverse().toDoubleArray())
          .containsExactly(new double[] {3 / 8.0, -2 / 8.0, -2 / 8.0, 4 / 8.0}, within(SOLVED));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 95, 96, 97, 300})
  void theSolutionSatisfiesTheSystem(int size) {
    // GIVEN M^T M + 1 and right sides, of sizes around the blocks
    NDArray m = random(size, size, 1);
    NDArray a = m.transpose().matMul(m).add(manager.eye(size, size, 0, DataType.FLOAT64));
    NDArray b = random(size, 3, 2);
    double[] before = a.toDoubleArray();

    // WHEN it is solved
    try (Factor factor = kernels().factor(a, noRidge(a)).orElseThrow()) {
      NDArray residual = a.matMul(factor.solve(b)).sub(b);

      // THEN nothing is left over, and the matrix is as it was
      assertThat(residual.abs().max().getDouble()).isLessThan(SOLVED);
      assertThat(a.toDoubleArray()).isEqualTo(before);
    }
  }

  @Test
  void theDiagonalOfTheInverseIsThatOfTheSolutions() {
    // GIVEN a matrix of several blocks
    int size = 199;
    NDArray m = random(size, size, 3);
    NDArray a = m.transpose().matMul(m).add(manager.eye(size, size, 0, DataType.FLOAT64));

    try (Factor factor = kernels().factor(a, noRidge(a)).orElseThrow()) {
      // WHEN its inverse is made column by column
      NDArray inverse = factor.solve(manager.eye(size, size, 0, DataType.FLOAT64));

      // THEN the diagonal is the same
      double[] diagonal = factor.inverseDiagonal();
      for (int i = 0; i < size; i++) {
        assertThat(diagonal[i]).isCloseTo(inverse.getDouble(i, i), within(SOLVED));
      }
    }
  }

  @Test
  void aMatrixThatIsNotPositiveDefiniteHasNoFactor() {
    // GIVEN a singular and an indefinite matrix
    // WHEN they are factored
    // THEN there is no factor
    assertThat(kernels().factor(matrix(2, 2, 1, 2, 2, 1), new double[2])).isEmpty();
    assertThat(kernels().factor(matrix(2, 2, 0, 0, 0, 0), new double[2])).isEmpty();
    assertThat(kernels().factor(matrix(1, 1, Double.NaN), new double[1])).isEmpty();
  }

  @Test
  void aRidgeIsAddedToTheDiagonal() {
    // GIVEN [[1, 1], [1, 1]], which is singular, and the ridge [3, 1]
    try (Factor factor = kernels().ridged(matrix(2, 2, 1, 1, 1, 1), new double[] {3, 1})) {
      // WHEN [[4, 1], [1, 2]] x = [6, 5] is solved
      // THEN x is [1, 2]
      assertThat(factor.solve(matrix(2, 1, 6, 5)).toDoubleArray())
          .containsExactly(new double[] {1, 2}, within(SOLVED));
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 1, 1e12})
  void theRidgeRisesUntilASingularMatrixHasAFactor(double scale) {
    // GIVEN a matrix of rank 1 with a dead channel, and no ridge
    NDArray a = matrix(3, 3, 1, 1, 0, 1, 1, 0, 0, 0, 0).mul(scale);

    // WHEN it is factored
    // THEN there is a factor, of finite numbers
    try (Factor factor = kernels().ridged(a, new double[3])) {
      assertThat(factor.inverseDiagonal()).doesNotContain(Double.NaN);
    }
  }

  @Test
  void aMatrixThatIsNotFiniteIsRefused() {
    // GIVEN moments of activations that overflowed
    NDArray a = matrix(1, 1, Double.NaN);

    // WHEN they are factored
    // THEN the message says so, and nothing runs for ever
    assertThatThrownBy(() -> kernels().ridged(a, new double[1]))
        .isInstanceOf(ArithmeticException.class)
        .hasMessageContaining("not finite");
  }

  @Test
  void aMatrixThatNoRidgeHelpsIsRefused() {
    // GIVEN what no sum of squares is, beside a finite diagonal
    NDArray a = matrix(2, 2, 1, Double.NaN, Double.NaN, 1);

    // THEN nothing runs for ever
    assertThatThrownBy(() -> kernels().ridged(a, new double[2]))
        .isInstanceOf(ArithmeticException.class)
        .hasMessageContaining("no finite factor");
  }

  private static double[] noRidge(NDArray matrix) {
    return new double[Math.toIntExact(matrix.getShape().get(0))];
  }

  @Test
  void secondMomentsAreSumsOverTokensOfAllMicroBatches() {
    // GIVEN A = (1 2; 3 4; 5 6) and B = (1; 0; 2), in two micro-batches
    try (SecondMoments moments = kernels().secondMoments(2, 1, manager)) {
      moments.add(array(new Shape(1, 2, 2), 1, 2, 3, 4), array(new Shape(1, 2, 1), 1, 0));
      moments.add(array(new Shape(1, 1, 2), 5, 6), array(new Shape(1, 1, 1), 2));
      // THEN
      assertThat(moments.sum().getShape()).isEqualTo(new Shape(2, 1));
      assertThat(moments.sum().getDataType()).isEqualTo(DataType.FLOAT64);
      assertThat(moments.sum().toDoubleArray()).containsExactly(11, 14);
    }
  }

  @Test
  void secondMomentsGoOnAfterTheyWereAskedFor() {
    try (SecondMoments moments = kernels().secondMoments(1, 1, manager)) {
      moments.add(array(new Shape(1, 1), 2), array(new Shape(1, 1), 3));
      assertThat(moments.sum().toDoubleArray()).containsExactly(6);
      // WHEN
      moments.add(array(new Shape(1, 1), 1), array(new Shape(1, 1), 4));
      // THEN
      assertThat(moments.sum().toDoubleArray()).containsExactly(10);
    }
  }

  @Test
  void secondMomentsOfNoTokenAreZero() {
    try (SecondMoments moments = kernels().secondMoments(1, 2, manager)) {
      assertThat(moments.sum().toDoubleArray()).containsExactly(0, 0);
    }
  }

  @Test
  void theSumOverMicroBatchesIsInDouble() {
    // GIVEN 2^24 + 1, which float32 does not have
    try (SecondMoments moments = kernels().secondMoments(1, 1, manager)) {
      moments.add(array(new Shape(1, 1), 4096), array(new Shape(1, 1), 4096));
      moments.add(array(new Shape(1, 1), 1), array(new Shape(1, 1), 1));
      // THEN
      assertThat(moments.sum().toDoubleArray()).containsExactly(0x1.0p24 + 1);
    }
  }

  @Test
  void statisticsAreOfAllRowsOfAllBatches() {
    // GIVEN channels (1, 2, 6) and (10, 10, 10)
    ChannelStatistics statistics = new ChannelStatistics(2);
    // WHEN
    kernels().accumulate(statistics, array(new Shape(1, 2, 2), 1, 10, 2, 10));
    kernels().accumulate(statistics, array(new Shape(1, 1, 2), 6, 10));
    // THEN the variance is ((1-3)^2 + (2-3)^2 + (6-3)^2) / 2
    assertThat(statistics.count()).isEqualTo(3);
    assertThat(statistics.mean(0)).isCloseTo(3, within(ANOTHER_ORDER));
    assertThat(statistics.variance(0)).isCloseTo(7, within(ANOTHER_ORDER));
    assertThat(statistics.mean(1)).isCloseTo(10, within(ANOTHER_ORDER));
    assertThat(statistics.variance(1)).isZero();
    assertThat(statistics.norm(0)).isCloseTo(Math.sqrt(41), within(ANOTHER_ORDER));
  }

  @Test
  void aSmallVarianceUnderALargeMeanKeepsItsDigits() {
    // GIVEN 2^20 and 2^20 + 1/8, in turns
    float[] rows = new float[200];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = 0x1.0p20f + (i % 2) / 8f;
    }
    ChannelStatistics statistics = new ChannelStatistics(1);
    // WHEN
    kernels().accumulate(statistics, array(new Shape(200, 1), rows));
    // THEN it is 200 / 16^2 / 199
    assertThat(statistics.variance(0)).isCloseTo(200 / 256.0 / 199, within(ANOTHER_ORDER));
  }

  @Test
  void theMeanOfDirectionsIsTimesTheirCoefficients() {
    // GIVEN 2 (1 2) and 4 (-1 3)
    NDArray mean =
        kernels()
            .mean(
                new Shape(1, 2),
                new double[] {2, 4},
                List.of(numbers(1, 2), numbers(-1, 3)),
                manager);
    // THEN
    assertThat(mean.getShape()).isEqualTo(new Shape(1, 2));
    assertThat(mean.getDataType()).isEqualTo(DataType.FLOAT32);
    assertThat(mean.toFloatArray()).containsExactly(-1, 8);
  }

  @Test
  void theMeanIsRoundedOnce() {
    // GIVEN 2^24 + 1 - 2^24, where a float sum would be 0
    List<RandomFill> ones = List.of(numbers(1), numbers(1), numbers(1), numbers(0));
    double[] coefficients = {0x1.0p24, 1, -0x1.0p24, 0};
    // THEN
    assertThat(kernels().mean(new Shape(1), coefficients, ones, manager).toFloatArray())
        .containsExactly(0.25f);
  }

  @Test
  void everyElementIsTheNumberOfItsIndex() {
    // GIVEN more elements than any part that is filled at once
    int size = (1 << 21) + 5;
    RandomFill index =
        (target, first) -> {
          for (int i = 0; i < target.remaining(); i++) {
            target.put(target.position() + i, first + i);
          }
        };
    // WHEN
    float[] mean =
        kernels().mean(new Shape(size), new double[] {1}, List.of(index), manager).toFloatArray();
    float[] perturbed =
        kernels().perturbed(manager.zeros(new Shape(size)), index, 1, manager).toFloatArray();
    // THEN
    for (int i = 0; i < size; i++) {
      if (mean[i] != i || perturbed[i] != i) {
        assertThat(mean[i]).as("element %d", i).isEqualTo(i).isEqualTo(perturbed[i]);
      }
    }
  }

  @Test
  void aPerturbedCopyIsComputedInDoubleAndTheWeightStays() {
    // GIVEN 1 + 0.1 * 3, in float32 once
    NDArray one = array(new Shape(1, 2), 1, -2);
    // WHEN
    NDArray copy = kernels().perturbed(one, numbers(3, 1), 0.1, manager);
    // THEN
    assertThat(copy.toFloatArray()).containsExactly((float) (1 + 0.1 * 3), (float) (-2 + 0.1));
    assertThat(copy.getShape()).isEqualTo(one.getShape());
    assertThat(one.toFloatArray()).containsExactly(1, -2);
  }

  @Test
  void aMirroredCopyIsAsFarOnTheOtherSide() {
    // GIVEN
    NDArray one = array(new Shape(1, 2), 1, -2);
    NDArray copy = array(new Shape(1, 2), 1.25f, -5);
    // WHEN
    kernels().mirror(copy, one);
    // THEN
    assertThat(copy.toFloatArray()).containsExactly(0.75f, 1);
    assertThat(one.toFloatArray()).containsExactly(1, -2);
  }

  private static RandomFill numbers(float... values) {
    return (target, first) -> {
      for (int i = 0; i < target.remaining(); i++) {
        target.put(target.position() + i, values[Math.toIntExact(first) + i]);
      }
    };
  }
}
