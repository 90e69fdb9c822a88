package org.minillm.core.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.nio.FloatBuffer;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class ChannelStatisticsTest {

  /**
   * Double sums in another order: a few hundred terms, each rounded to 2^-53, of numbers near 1.
   */
  private static final Offset<Double> ROUNDING = within(1e-13);

  /** (1, 10), (2, 10), (4, 10), (5, 14), (8, 16): means 4 and 12; M2 is 30 and 32. */
  private static final float[] FIVE_ROWS = {1, 10, 2, 10, 4, 10, 5, 14, 8, 16};

  @Test
  void fiveRowsByHand() {
    // GIVEN
    ChannelStatistics statistics = new ChannelStatistics(2);
    // WHEN
    statistics.accumulate(FloatBuffer.wrap(FIVE_ROWS));
    // THEN the norms are those of (1, 2, 4, 5, 8) and (10, 10, 10, 14, 16)
    assertThat(statistics.count()).isEqualTo(5);
    assertThat(statistics.channels()).isEqualTo(2);
    assertThat(statistics.mean(0)).isEqualTo(4);
    assertThat(statistics.mean(1)).isEqualTo(12);
    assertThat(statistics.variance(0)).isEqualTo(7.5);
    assertThat(statistics.variance(1)).isEqualTo(8);
    assertThat(statistics.norms()).containsExactly(Math.sqrt(110), Math.sqrt(752));
    assertThat(statistics.norm(1)).isEqualTo(Math.sqrt(752));
  }

  @Test
  void readsAnArrayOfAnyLeadingShape() {
    // GIVEN (batch, time, channels) = (1, 5, 2)
    try (NDManager manager = NDManager.newBaseManager()) {
      NDArray input = manager.create(FIVE_ROWS, new Shape(1, 5, 2));
      ChannelStatistics statistics = new ChannelStatistics(2);
      // WHEN
      statistics.accumulate(input);
      // THEN
      assertThat(statistics.count()).isEqualTo(5);
      assertThat(statistics.norms()).containsExactly(Math.sqrt(110), Math.sqrt(752));
    }
  }

  @Test
  void readsAnArrayThatIsNotContiguous() {
    // GIVEN the rows as the columns of a transposed array
    try (NDManager manager = NDManager.newBaseManager()) {
      float[] columns = {1, 2, 4, 5, 8, 10, 10, 10, 14, 16};
      NDArray input = manager.create(columns, new Shape(2, 5)).transpose();
      ChannelStatistics statistics = new ChannelStatistics(2);
      // WHEN
      statistics.accumulate(input);
      // THEN
      assertThat(statistics.norms()).containsExactly(Math.sqrt(110), Math.sqrt(752));
    }
  }

  @Test
  void agreesWithTwoPassesInDouble() {
    // GIVEN
    float[] rows = normal(7 * 301);
    // WHEN
    ChannelStatistics statistics = new ChannelStatistics(7);
    statistics.accumulate(FloatBuffer.wrap(rows));
    // THEN
    for (int c = 0; c < 7; c++) {
      double sum = 0;
      double squares = 0;
      for (int r = 0; r < 301; r++) {
        sum += rows[r * 7 + c];
        squares += (double) rows[r * 7 + c] * rows[r * 7 + c];
      }
      double m2 = 0;
      for (int r = 0; r < 301; r++) {
        m2 += Math.pow(rows[r * 7 + c] - sum / 301, 2);
      }
      assertThat(statistics.mean(c)).isCloseTo(sum / 301, ROUNDING);
      assertThat(statistics.variance(c)).isCloseTo(m2 / 300, ROUNDING);
      assertThat(statistics.norm(c) / Math.sqrt(squares)).isCloseTo(1, ROUNDING);
    }
  }

  @Test
  void mergedPartsAgreeWithOnePass() {
    // GIVEN
    float[] rows = normal(3 * 100);
    ChannelStatistics whole = new ChannelStatistics(3);
    whole.accumulate(FloatBuffer.wrap(rows));
    // WHEN
    ChannelStatistics first = new ChannelStatistics(3);
    first.accumulate(FloatBuffer.wrap(rows, 0, 3 * 21));
    ChannelStatistics second = new ChannelStatistics(3);
    second.accumulate(FloatBuffer.wrap(rows, 3 * 21, 3 * 79));
    first.merge(second);
    // THEN
    assertSame(first, whole);
  }

  @Test
  void oneRowAtATimeAgreesWithAllAtOnce() {
    // GIVEN
    float[] rows = normal(3 * 100);
    ChannelStatistics whole = new ChannelStatistics(3);
    whole.accumulate(FloatBuffer.wrap(rows));
    // WHEN
    ChannelStatistics single = new ChannelStatistics(3);
    for (int r = 0; r < 100; r++) {
      single.accumulate(FloatBuffer.wrap(rows, 3 * r, 3));
    }
    // THEN
    assertSame(single, whole);
  }

  @Test
  void smallVarianceSurvivesUnderALargeMean() {
    // GIVEN 1e6 + one of -0.5, 0, 0.5 in turn: exact in float32, where a plain sum of squares
    // would keep no digit of it in float and 4 in double
    float[] rows = new float[3000];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = 1e6f + (i % 3 - 1) * 0.5f;
    }
    // WHEN
    ChannelStatistics statistics = new ChannelStatistics(1);
    statistics.accumulate(FloatBuffer.wrap(rows, 0, 1000));
    statistics.accumulate(FloatBuffer.wrap(rows, 1000, 2000));
    // THEN the mean of the squared deviations is (0.25 + 0 + 0.25) / 3
    assertThat(statistics.mean(0)).isCloseTo(1e6, within(1e-9));
    assertThat(statistics.variance(0)).isCloseTo(0.5 / 3 * 3000 / 2999, within(1e-9));
  }

  @Test
  void outlierInTheFirstRowDoesNotSpoilTheRest() {
    // GIVEN the massive activation of a first token, then 0 and 0.5 in turn
    float[] rows = new float[10_001];
    rows[0] = 4096;
    for (int i = 1; i < rows.length; i++) {
      rows[i] = i % 2 == 0 ? 0.5f : 0;
    }
    // WHEN
    ChannelStatistics statistics = new ChannelStatistics(1);
    statistics.accumulate(FloatBuffer.wrap(rows));
    // THEN the sum of squares is 4096^2 + 5000 / 4, the sum 4096 + 2500
    double squares = 4096.0 * 4096 + 1250;
    double variance = (squares - 6596.0 * 6596 / 10_001) / 10_000;
    assertThat(statistics.norm(0) / Math.sqrt(squares)).isCloseTo(1, ROUNDING);
    assertThat(statistics.mean(0) / (6596.0 / 10_001)).isCloseTo(1, ROUNDING);
    assertThat(statistics.variance(0) / variance).isCloseTo(1, ROUNDING);
  }

  @Test
  void sameBatchesGiveTheSameBits() {
    // GIVEN
    float[] rows = normal(5 * 77);
    // WHEN
    ChannelStatistics first = new ChannelStatistics(5);
    ChannelStatistics second = new ChannelStatistics(5);
    first.accumulate(FloatBuffer.wrap(rows));
    second.accumulate(FloatBuffer.wrap(rows));
    // THEN
    assertThat(first.norms()).isEqualTo(second.norms());
  }

  @Test
  void aChannelDoesNotDependOnItsNeighbours() {
    // GIVEN 70 rows of 600 channels, which several threads share
    int rows = 70;
    int channels = 600;
    float[] all = new float[rows * channels];
    for (int i = 0; i < all.length; i++) {
      all[i] = (float) CounterRng.uniform(5, 0, i);
    }
    ChannelStatistics together = new ChannelStatistics(channels);
    // WHEN
    together.accumulate(FloatBuffer.wrap(all));
    // THEN each has the bits that it has alone
    for (int c = 0; c < channels; c++) {
      float[] own = new float[rows];
      for (int row = 0; row < rows; row++) {
        own[row] = all[row * channels + c];
      }
      ChannelStatistics alone = new ChannelStatistics(1);
      alone.accumulate(FloatBuffer.wrap(own));
      assertThat(together.mean(c)).isEqualTo(alone.mean(0));
      assertThat(together.variance(c)).isEqualTo(alone.variance(0));
    }
  }

  @Test
  void notANumberIsNotHidden() {
    // GIVEN
    ChannelStatistics statistics = new ChannelStatistics(2);
    // WHEN
    statistics.accumulate(FloatBuffer.wrap(new float[] {1, 2, 1, Float.NaN, 1, 2}));
    // THEN
    assertThat(statistics.norm(0)).isCloseTo(Math.sqrt(3), ROUNDING);
    assertThat(statistics.norm(1)).isNaN();
    assertThat(statistics.variance(1)).isNaN();
  }

  @Test
  void nothingSeenIsZero() {
    // GIVEN
    ChannelStatistics statistics = new ChannelStatistics(1);
    // WHEN nothing is added
    statistics.accumulate(FloatBuffer.allocate(0));
    statistics.merge(new ChannelStatistics(1));
    // THEN
    assertThat(statistics.count()).isZero();
    assertThat(statistics.mean(0)).isZero();
    assertThat(statistics.variance(0)).isZero();
    assertThat(statistics.norm(0)).isZero();
  }

  @Test
  void inputOfABiasIsTheConstantOne() {
    // GIVEN
    ChannelStatistics one = ChannelStatistics.constantOne(9);
    // THEN
    assertThat(one.count()).isEqualTo(9);
    assertThat(one.mean(0)).isEqualTo(1);
    assertThat(one.variance(0)).isZero();
    assertThat(one.norms()).containsExactly(3);
  }

  @Test
  void rejectsOtherChannelCounts() {
    try (NDManager manager = NDManager.newBaseManager()) {
      // GIVEN
      ChannelStatistics statistics = new ChannelStatistics(2);
      NDArray input = manager.create(new Shape(4, 3));
      // THEN
      assertThatThrownBy(() -> statistics.accumulate(input))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("activations (4, 3), expected (..., 2)");
      assertThatThrownBy(() -> statistics.merge(new ChannelStatistics(3)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("cannot merge 3 channels into 2");
    }
  }

  @Test
  void rejectsWhatIsNoRowOrNoCount() {
    assertThatThrownBy(() -> new ChannelStatistics(2).accumulate(FloatBuffer.allocate(3)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("3 numbers, expected whole rows of 2");
    assertThatThrownBy(() -> new ChannelStatistics(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("0 channels, expected at least 1");
    assertThatThrownBy(() -> ChannelStatistics.constantOne(-1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("count -1, expected at least 0");
  }

  private static float[] normal(int count) {
    FloatBuffer target = FloatBuffer.allocate(count);
    CounterRng.fillNormal(target, 1, 2, 0);
    return target.array();
  }

  private static void assertSame(ChannelStatistics actual, ChannelStatistics expected) {
    assertThat(actual.count()).isEqualTo(expected.count());
    for (int c = 0; c < expected.channels(); c++) {
      assertThat(actual.mean(c)).isCloseTo(expected.mean(c), ROUNDING);
      assertThat(actual.variance(c)).isCloseTo(expected.variance(c), ROUNDING);
      assertThat(actual.norm(c) / expected.norm(c)).isCloseTo(1, ROUNDING);
    }
  }
}
