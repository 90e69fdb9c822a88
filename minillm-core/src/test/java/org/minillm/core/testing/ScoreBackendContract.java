package org.minillm.core.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.minillm.core.calibration.ScoreBackend;
import org.minillm.core.calibration.ScoreBackend.Reduction;
import org.minillm.core.calibration.ScoreTerms;
import org.minillm.core.model.TensorSlice;

/**
 * What every score backend computes, by hand-computed values. A backend's own test extends this.
 */
public abstract class ScoreBackendContract {

  private static final TensorSlice ROWS = new TensorSlice("gate", 0, 1, "x");
  private static final TensorSlice ROW_PAIRS = new TensorSlice("q", 0, 2, "x");
  private static final TensorSlice COLUMNS = new TensorSlice("down", 1, 1, "x");
  private static final TensorSlice COLUMN_PAIRS = new TensorSlice("o", 1, 2, "x");
  private static final TensorSlice BIAS = new TensorSlice("bias", 0, 1, null);

  private final NDManager manager = NDManager.newBaseManager();

  private final NDArray weight = array(new Shape(2, 4), 1, -2, 3, -4, 5, 6, -7, 8);
  private final NDArray gradient = array(new Shape(2, 4), 1, 1, -1, 2, -2, 1, 1, 0.5f);
  private final double[] norms = {1, 10, 100, 1000};

  /**
   * Returns what is tested.
   *
   * @return the backend
   */
  protected abstract ScoreBackend backend();

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
    return backend().reduce(new ScoreTerms(slice, of, times, inputNorms, exponent), reduction);
  }

  private NDArray array(Shape shape, float... values) {
    return manager.create(values, shape);
  }
}
