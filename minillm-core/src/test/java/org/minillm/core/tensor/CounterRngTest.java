package org.minillm.core.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.nio.FloatBuffer;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CounterRngTest {

  private static final int COUNT = 1 << 20;

  /** Statistics must lie within this many standard errors; chance alone fails 1 in 1.7 million. */
  private static final double STANDARD_ERRORS = 5;

  @Test
  void bitsAreThoseOfTheDefinition() {
    // GIVEN values of a second implementation, in Python, of the class's javadoc
    // THEN they agree, at zero, at small numbers and at the ends of the range
    assertThat(CounterRng.bits(0, 0, 0)).isEqualTo(0x568a9b0b1a2c05ecL);
    assertThat(CounterRng.bits(1, 2, 3)).isEqualTo(0xeb3aa0ce549fec8cL);
    assertThat(CounterRng.bits(-1, Long.MIN_VALUE, 1L << 40)).isEqualTo(0x15af9742837b969aL);
  }

  @Test
  void streamOfANameIsTheStartOfItsSha256() {
    assertThat(CounterRng.stream("model.layers.0.mlp.down_proj.weight"))
        .isEqualTo(0x55f21c122a88a1d2L);
  }

  @Test
  void normalNumbersNeverChange() {
    // GIVEN the seed and stream of a plan that was written to disk
    // WHEN the numbers are made again
    float[] numbers = normal(7, 11, 5554);
    // THEN they are those of the first release
    assertThat(numbers)
        .startsWith(1.2349095f, -0.09079243f, -0.26009405f, -1.1372665f, 0.8682188f, -0.5028825f);
    // THEN so is one from the ziggurat's tail, which takes several draws
    assertThat(numbers[5553]).isEqualTo(-4.291838f);
  }

  @Test
  void signsFollowTheTopBit() {
    // GIVEN bits(7, 11, 0..11) whose top bits are 0 1 1 1 0 1 0 0 0 1 1 0
    FloatBuffer signs = FloatBuffer.allocate(12);
    // WHEN
    CounterRng.fillSigns(signs, 7, 11, 0);
    // THEN
    assertThat(signs.array()).containsExactly(1, -1, -1, -1, 1, -1, 1, 1, 1, -1, -1, 1);
  }

  @Test
  void uniformNumbersAreTheTop53Bits() {
    assertThat(CounterRng.uniform(1, 2, 3)).isEqualTo(0.9188633445488673);
    assertThat(CounterRng.uniform(0, 0, 0)).isEqualTo(0.33805245419550545);
  }

  @Test
  void uniformNumbersHaveTheMomentsOfTheUniformDistribution() {
    // GIVEN
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < COUNT; i++) {
      double u = CounterRng.uniform(3, 5, i) - 0.5;
      sum += u;
      squares += u * u;
    }
    // THEN mean 0 with variance 1/12; E u^2 = 1/12 with variance 1/80 - 1/144
    assertThat(sum / COUNT).isCloseTo(0, within(tolerance(1 / 12.0)));
    assertThat(squares / COUNT).isCloseTo(1 / 12.0, within(tolerance(1 / 80.0 - 1 / 144.0)));
  }

  @Test
  void normalNumbersHaveTheMomentsOfTheNormalDistribution() {
    // GIVEN
    float[] x = normal(1, 2, COUNT);
    // THEN E x^k is 0, 1, 0, 3, and its variance E x^2k - (E x^k)^2 is 1, 2, 15, 96
    assertThat(mean(x, v -> v)).isCloseTo(0, within(tolerance(1)));
    assertThat(mean(x, v -> v * v)).isCloseTo(1, within(tolerance(2)));
    assertThat(mean(x, v -> v * v * v)).isCloseTo(0, within(tolerance(15)));
    assertThat(mean(x, v -> v * v * v * v)).isCloseTo(3, within(tolerance(96)));
  }

  @ParameterizedTest
  @CsvSource({
    "1, 0.317310508",
    "2, 0.045500264",
    "3, 0.0026997961",
    "3.6541528853610088, 2.5803e-4"
  })
  void normalNumbersHaveTheTailsOfTheNormalDistribution(double bound, double probability) {
    // GIVEN
    float[] x = normal(1, 2, COUNT);
    // WHEN
    double outside = mean(x, v -> Math.abs(v) > bound ? 1 : 0);
    // THEN
    assertThat(outside).isCloseTo(probability, within(tolerance(probability * (1 - probability))));
  }

  @Test
  void seedsStreamsAndIndicesAreUncorrelated() {
    // GIVEN
    float[] x = normal(1, 2, COUNT + 1);
    // THEN the mean of a product of independent standard numbers is 0 with variance 1
    assertThat(correlation(x, 0, normal(2, 2, COUNT))).isCloseTo(0, within(tolerance(1)));
    assertThat(correlation(x, 0, normal(1, 3, COUNT))).isCloseTo(0, within(tolerance(1)));
    assertThat(correlation(x, 0, normal(2, 1, COUNT))).isCloseTo(0, within(tolerance(1)));
    assertThat(correlation(x, 1, x)).isCloseTo(0, within(tolerance(1)));
  }

  @Test
  void signsAreBalancedAndUncorrelated() {
    // GIVEN
    FloatBuffer signs = FloatBuffer.allocate(COUNT + 1);
    FloatBuffer others = FloatBuffer.allocate(COUNT);
    CounterRng.fillSigns(signs, 1, 2, 0);
    CounterRng.fillSigns(others, 2, 2, 0);
    // THEN
    assertThat(mean(signs.array(), v -> v)).isCloseTo(0, within(tolerance(1)));
    assertThat(correlation(signs.array(), 1, signs.array())).isCloseTo(0, within(tolerance(1)));
    assertThat(correlation(signs.array(), 0, others.array())).isCloseTo(0, within(tolerance(1)));
  }

  @Test
  void fillsOfDisjointRangesJoinToTheWhole() {
    // GIVEN
    float[] whole = normal(9, 8, 1000);
    FloatBuffer wholeSigns = FloatBuffer.allocate(1000);
    CounterRng.fillSigns(wholeSigns, 9, 8, 0);
    // WHEN the same numbers are made from the last range to the first
    FloatBuffer parts = FloatBuffer.allocate(1000);
    FloatBuffer signParts = FloatBuffer.allocate(1000);
    for (int end = 1000, start; end > 0; end = start) {
      start = Math.max(0, end - 37);
      CounterRng.fillNormal(parts.slice(start, end - start), 9, 8, start);
      CounterRng.fillSigns(signParts.slice(start, end - start), 9, 8, start);
    }
    // THEN
    assertThat(parts.array()).isEqualTo(whole);
    assertThat(signParts.array()).isEqualTo(wholeSigns.array());
  }

  @Test
  void fillTouchesOnlyWhatRemainsAndLeavesThePosition() {
    // GIVEN
    FloatBuffer target = FloatBuffer.allocate(5).position(1).limit(4);
    // WHEN
    CounterRng.fillNormal(target, 7, 11, 0);
    // THEN
    assertThat(target.array()).containsExactly(0, 1.2349095f, -0.09079243f, -0.26009405f, 0);
    assertThat(target.position()).isEqualTo(1);
  }

  @Test
  void fillsAllocateNothingPerValue() {
    // GIVEN a method that is loaded and linked
    FloatBuffer target = FloatBuffer.allocate(COUNT);
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    CounterRng.fillNormal(target, 1, 2, 0);
    CounterRng.fillSigns(target, 1, 2, 0);
    // WHEN
    long before = threads.getCurrentThreadAllocatedBytes();
    CounterRng.fillNormal(target, 1, 2, COUNT);
    CounterRng.fillSigns(target, 1, 2, COUNT);
    long allocated = threads.getCurrentThreadAllocatedBytes() - before;
    // THEN a sampler or two, against one byte or more a value
    assertThat(allocated).isLessThan(COUNT / 100);
  }

  private static float[] normal(long seed, long stream, int count) {
    FloatBuffer target = FloatBuffer.allocate(count);
    CounterRng.fillNormal(target, seed, stream, 0);
    return target.array();
  }

  private static double mean(float[] x, DoubleUnaryOperator function) {
    double sum = 0;
    for (float v : x) {
      sum += function.applyAsDouble(v);
    }
    return sum / x.length;
  }

  private static double correlation(float[] x, int lag, float[] y) {
    double sum = 0;
    for (int i = 0; i < COUNT; i++) {
      sum += (double) x[i + lag] * y[i];
    }
    return sum / COUNT;
  }

  /** So far may the mean of COUNT values be from its expectation. */
  private static double tolerance(double variance) {
    return STANDARD_ERRORS * Math.sqrt(variance / COUNT);
  }
}
