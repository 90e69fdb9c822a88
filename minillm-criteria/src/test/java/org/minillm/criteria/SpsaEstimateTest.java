package org.minillm.criteria;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.minillm.core.tensor.Compute;
import org.minillm.core.tensor.NotFiniteException;
import org.minillm.criteria.Perturbation.Direction;
import org.minillm.criteria.SpsaEstimate.Probe;

class SpsaEstimateTest {

  /** L(w) = 0.5 sum a_i w_i^2, whose gradient is a_i w_i = (4, -3, 2, 0.5). */
  private static final double[] A = {1, 2, 4, 0.5};

  private static final float[] W = {4, -1.5f, 0.5f, 1};

  private static final Shape SHAPE = new Shape(2, 2);

  /** A power of two, so that w +- eps z is exact in float32 where z is a sign. */
  private static final double EPS = 0x1.0p-10;

  /** The difference of two losses near 15, each rounded to 2^-50 or so, divided by 2 eps. */
  private static final double ROUNDING = 1e-11;

  /** Means must lie within this many standard errors; chance alone fails 1 in 1.7 million. */
  private static final double STANDARD_ERRORS = 5;

  private final NDManager manager = Compute.cpu().newManager();

  @AfterEach
  void close() {
    manager.close();
  }

  @ParameterizedTest
  @EnumSource
  void centralDifferenceOfAQuadraticIsItsSlopeAlongZ(Direction direction) {
    for (long seed = 0; seed < 20; seed++) {
      // GIVEN
      double[] z = z(direction, seed);
      // WHEN
      double coefficient = coefficient(z);
      // THEN
      double slope = 0;
      for (int i = 0; i < A.length; i++) {
        slope += A[i] * W[i] * z[i];
      }
      assertThat(coefficient).isCloseTo(slope, within(ROUNDING));
    }
  }

  @Test
  void perturbedWeightsGiveTheSameSlope() {
    // GIVEN signs, where the perturbed weights are exact in float32
    Perturbation perturbation = new Perturbation(3, Direction.SIGNS);
    NDArray weight = manager.create(W, SHAPE);
    // WHEN
    NDArray plus = perturbation.perturbed("w", weight, EPS, Compute.cpu().kernels(), manager);
    NDArray minus = perturbation.perturbed("w", weight, -EPS, Compute.cpu().kernels(), manager);
    // THEN
    assertThat((loss(doubles(plus)) - loss(doubles(minus))) / (2 * EPS))
        .isEqualTo(coefficient(z(Direction.SIGNS, 3)));
  }

  @ParameterizedTest
  @EnumSource
  void meanOfManyProbesIsTheGradient(Direction direction) {
    // GIVEN
    int count = 20_000;
    SpsaEstimate estimate =
        estimate(
            direction,
            LongStream.range(0, count)
                .mapToObj(seed -> new Probe(seed, coefficient(z(direction, seed))))
                .toList());
    // WHEN
    float[] gradient = estimate.gradient("w", SHAPE, manager).orElseThrow().toFloatArray();
    // THEN with b = a w, Var(c z_i) is |b|^2 + b_i^2 for normal z and |b|^2 - b_i^2 for signs
    double norm = 16 + 9 + 4 + 0.25;
    for (int i = 0; i < A.length; i++) {
      double b = A[i] * W[i];
      double variance = direction == Direction.NORMAL ? norm + b * b : norm - b * b;
      assertThat((double) gradient[i])
          .isCloseTo(b, within(STANDARD_ERRORS * Math.sqrt(variance / count)));
    }
  }

  @Test
  void gradientIsTheMeanOfCoefficientTimesDirection() {
    // GIVEN more elements than one task fills
    Shape shape = new Shape(3, 9000);
    float[] first =
        new Perturbation(1, Direction.NORMAL)
            .z("w", shape, Compute.cpu().kernels(), manager)
            .toFloatArray();
    float[] second =
        new Perturbation(2, Direction.NORMAL)
            .z("w", shape, Compute.cpu().kernels(), manager)
            .toFloatArray();
    // WHEN
    NDArray gradient =
        estimate(Direction.NORMAL, List.of(new Probe(1, 3), new Probe(2, -0.7)))
            .gradient("w", shape, manager)
            .orElseThrow();
    // THEN it is summed in double and rounded once
    float[] expected = new float[first.length];
    for (int i = 0; i < expected.length; i++) {
      expected[i] = (float) ((3.0 * first[i] + -0.7 * second[i]) / 2);
    }
    assertThat(gradient.toFloatArray()).isEqualTo(expected);
    assertThat(gradient.getShape()).isEqualTo(shape);
  }

  @Test
  void oneProbeOfSignsGivesEveryWeightTheSameMagnitude() {
    // GIVEN
    SpsaEstimate estimate = estimate(Direction.SIGNS, List.of(new Probe(1, -2.5)));
    // WHEN
    NDArray gradient = estimate.gradient("w", new Shape(50), manager).orElseThrow();
    // THEN
    assertThat(gradient.abs().toFloatArray()).containsOnly(2.5f);
  }

  @Test
  void recordSaysHowItWasMadeAndWhatItCost() {
    // GIVEN
    SpsaEstimate estimate = estimate(Direction.SIGNS, List.of(new Probe(1, 1)));
    // THEN
    assertThat(estimate.provenance()).containsExactly(Map.entry("gradient", "spsa"));
    assertThat(estimate.forwardPasses()).isEqualTo(2);
  }

  @Test
  void estimateWithoutAProbeIsRejected() {
    assertThatThrownBy(() -> estimate(Direction.NORMAL, List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("no probe, expected at least 1");
  }

  @Test
  void slopeThatIsNotFiniteIsRejected() {
    assertThatThrownBy(() -> new Probe(7, Double.NaN))
        .isInstanceOf(NotFiniteException.class)
        .hasMessageStartingWith("probe of seed 7: slope NaN, the loss overflowed");
  }

  private static SpsaEstimate estimate(Direction direction, List<Probe> probes) {
    return new SpsaEstimate(
        ImmutableList.copyOf(probes),
        direction,
        ImmutableMap.of("gradient", "spsa"),
        2,
        Compute.cpu().kernels());
  }

  private double[] z(Direction direction, long seed) {
    try (NDArray z =
        new Perturbation(seed, direction).z("w", SHAPE, Compute.cpu().kernels(), manager)) {
      return doubles(z);
    }
  }

  private static double coefficient(double[] z) {
    double[] plus = new double[z.length];
    double[] minus = new double[z.length];
    Arrays.setAll(plus, i -> W[i] + EPS * z[i]);
    Arrays.setAll(minus, i -> W[i] - EPS * z[i]);
    return (loss(plus) - loss(minus)) / (2 * EPS);
  }

  private static double loss(double[] w) {
    double loss = 0;
    for (int i = 0; i < w.length; i++) {
      loss += 0.5 * A[i] * w[i] * w[i];
    }
    return loss;
  }

  private static double[] doubles(NDArray array) {
    float[] floats = array.toFloatArray();
    double[] doubles = new double[floats.length];
    Arrays.setAll(doubles, i -> floats[i]);
    return doubles;
  }
}
