package org.minillm.criteria;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.restore.Restoration;
import org.minillm.core.restore.Restoration.Moments;
import org.minillm.core.tensor.Compute;

class LeastSquaresTest {

  /** Systems of two unknowns in double. */
  private static final double TOLERANCE = 1e-12;

  private final NDManager manager = Compute.cpu().newManager();

  @AfterEach
  void close() {
    manager.close();
  }

  private NDArray matrix(int rows, int columns, double... values) {
    return manager.create(values, new Shape(rows, columns));
  }

  private static Restoration lambda(double lambda) {
    return new LeastSquares()
        .with(
            Map.of(
                "lambda",
                Double.toString(lambda),
                "target",
                "own",
                "tokens",
                "equal",
                "inputs",
                "pruned",
                "value-ridge",
                "0",
                "noise",
                "0"));
  }

  @Test
  void theCorrectionSolvesTheRidgeSystem() {
    // GIVEN X^T X = [[3, 1], [1, 1]], whose mean diagonal is 2, R^T X = [[9, 3]] and lambda 0.5:
    // C [[4, 1], [1, 2]] = [9, 3]
    Moments moments =
        new Moments(matrix(2, 2, 3, 1, 1, 1), matrix(1, 2, 9, 3), null, Compute.cpu().kernels());

    // WHEN it is solved
    NDArray correction = lambda(0.5).delta(moments).weight();

    // THEN C = [15/7, 3/7]
    assertThat(correction.getShape()).isEqualTo(new Shape(1, 2));
    assertThat(correction.toDoubleArray())
        .containsExactly(new double[] {15 / 7.0, 3 / 7.0}, within(TOLERANCE));
  }

  @Test
  void aLargeRidgeLeavesTheWeightsAsTheyAre() {
    // GIVEN the same moments
    Moments moments =
        new Moments(matrix(2, 2, 3, 1, 1, 1), matrix(1, 2, 9, 3), null, Compute.cpu().kernels());

    // WHEN the ridge is a million times the moments
    NDArray correction = lambda(1e6).delta(moments).weight();

    // THEN there is hardly a correction: 9 / 2e6 at most
    assertThat(correction.abs().max().getDouble()).isLessThan(5e-6);
  }

  @Test
  void fewerTokensThanChannelsAndDeadChannelsAreNoObstacle() {
    // GIVEN the moments of the one token (1, 1, 0)
    NDArray inputs = matrix(3, 3, 1, 1, 0, 1, 1, 0, 0, 0, 0);

    // WHEN R = 2 is fitted with hardly a ridge
    NDArray correction =
        lambda(1e-6)
            .delta(new Moments(inputs, matrix(1, 3, 2, 2, 0), null, Compute.cpu().kernels()))
            .weight();

    // THEN both live channels give half of it, the dead one nothing
    assertThat(correction.toDoubleArray()).containsExactly(new double[] {1, 1, 0}, within(1e-5));
  }

  @Test
  void aBiasTakesTheMeansAndTheWeightTheDeviations() {
    // GIVEN tokens x = 1, 3 with r = 5, 9: r = 3 + 2 x; X^T X = 10, R^T X = 32
    Restoration.Intercept means = new Restoration.Intercept(matrix(1, 1, 4), matrix(1, 1, 14), 2);
    Moments moments =
        new Moments(matrix(1, 1, 10), matrix(1, 1, 32), means, Compute.cpu().kernels());

    // WHEN it is fitted with hardly a ridge
    Restoration.Delta correction = lambda(1e-9).delta(moments);

    // THEN weight and bias are 2 and 3
    assertThat(correction.weight().toDoubleArray()).containsExactly(new double[] {2}, within(1e-8));
    assertThat(correction.bias().toDoubleArray()).containsExactly(new double[] {3}, within(1e-8));
  }

  @Test
  void biasCompensationAddsTheMeanAndNothingElse() {
    // GIVEN the same tokens
    Restoration.Intercept means = new Restoration.Intercept(matrix(1, 1, 4), matrix(1, 1, 14), 2);

    // WHEN only the bias may change
    Restoration.Delta correction =
        new BiasCompensation()
            .delta(new Moments(matrix(1, 1, 10), matrix(1, 1, 32), means, Compute.cpu().kernels()));

    // THEN it is the mean of 5 and 9
    assertThat(correction.weight().toDoubleArray()).containsExactly(0);
    assertThat(correction.bias().toDoubleArray()).containsExactly(7);
  }

  @Test
  void settingsAreReadFromText() {
    // GIVEN, WHEN
    Restoration restoration =
        Plugins.configured(
            Restoration.class,
            "least-squares:lambda=0.1,target=own,tokens=stream,inputs=dense",
            Map.of());

    // THEN
    assertThat(restoration)
        .isEqualTo(
            new LeastSquares()
                .with(
                    Map.of(
                        "lambda",
                        "0.1",
                        "target",
                        "own",
                        "tokens",
                        "stream",
                        "inputs",
                        "dense",
                        "value-ridge",
                        "0",
                        "noise",
                        "0")));
  }

  @Test
  void aRidgeOfNothingIsRefused() {
    assertThatThrownBy(() -> lambda(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("lambda 0.0: expected a positive number");
  }

  @Test
  void denseInputsHaveNoResidualTarget() {
    assertThatThrownBy(
            () ->
                new LeastSquares()
                    .with(
                        Map.of(
                            "lambda",
                            "1",
                            "target",
                            "residual",
                            "tokens",
                            "equal",
                            "inputs",
                            "dense",
                            "value-ridge",
                            "0",
                            "noise",
                            "0")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("expected target=own,inputs=dense");
  }

  @Test
  void forNoiseTheDegreesOfFreedomAreTold() {
    // GIVEN H = [[3, 1], [1, 1]] and a ridge of 1: tr((H + 1)^-1) = (2 + 4) / 7
    Moments moments =
        new Moments(matrix(2, 2, 3, 1, 1, 1), matrix(1, 2, 9, 3), null, Compute.cpu().kernels());
    Restoration noisy =
        new LeastSquares()
            .with(
                Map.of(
                    "lambda",
                    "0.5",
                    "target",
                    "residual",
                    "tokens",
                    "equal",
                    "inputs",
                    "pruned",
                    "value-ridge",
                    "0",
                    "noise",
                    "3"));

    // WHEN it is fitted
    Restoration.Delta correction = noisy.delta(moments);

    // THEN tr(H (H + 1)^-1) = 2 - 6/7, and the fit is what it is without noise
    assertThat(correction.freedom()).isCloseTo(8 / 7.0, within(TOLERANCE));
    assertThat(correction.weight().toDoubleArray())
        .isEqualTo(lambda(0.5).delta(moments).weight().toDoubleArray());
    assertThat(lambda(0.5).delta(moments).freedom()).isZero();
  }

  @Test
  void onDenseInputsThereIsNoNoise() {
    assertThatThrownBy(
            () ->
                new LeastSquares()
                    .with(
                        Map.of(
                            "lambda",
                            "1",
                            "target",
                            "own",
                            "tokens",
                            "equal",
                            "inputs",
                            "dense",
                            "value-ridge",
                            "0",
                            "noise",
                            "1")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("expected noise=0,inputs=dense");
  }

  @Test
  void valuesAreFittedWithTheirOwnRidge() {
    // GIVEN, WHEN
    Restoration restoration =
        Plugins.configured(Restoration.class, "least-squares:value-ridge=0.01,noise=0", Map.of());

    // THEN they are fitted like a consumer, and on their own
    assertThat(restoration.valueRestoration())
        .contains(
            new LeastSquares()
                .with(
                    Map.of(
                        "lambda",
                        "0.01",
                        "target",
                        "residual",
                        "tokens",
                        "equal",
                        "inputs",
                        "pruned",
                        "value-ridge",
                        "0",
                        "noise",
                        "0")));
    assertThat(new LeastSquares().with(Map.of("value-ridge", "0")).valueRestoration()).isEmpty();
  }

  @Test
  void onDenseInputsValuesAndNoiseGoUnlessTheyAreNamed() {
    assertThat(new LeastSquares().with(Map.of("target", "own", "inputs", "dense")))
        .isEqualTo(
            new LeastSquares()
                .with(
                    Map.of(
                        "lambda",
                        "0.4",
                        "target",
                        "own",
                        "tokens",
                        "equal",
                        "inputs",
                        "dense",
                        "value-ridge",
                        "0",
                        "noise",
                        "0")));
  }

  @Test
  void onDenseInputsValuesMissNothing() {
    assertThatThrownBy(
            () ->
                new LeastSquares()
                    .with(
                        Map.of(
                            "lambda",
                            "1",
                            "target",
                            "own",
                            "tokens",
                            "equal",
                            "inputs",
                            "dense",
                            "value-ridge",
                            "0.1",
                            "noise",
                            "0")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("expected value-ridge=0,inputs=dense");
  }
}
