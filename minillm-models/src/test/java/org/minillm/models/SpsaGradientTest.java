package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.evidence.GradientRequest;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.tensor.Compute;
import org.minillm.core.tensor.HostMemory;
import org.minillm.criteria.Perturbation;
import org.minillm.criteria.Perturbation.Direction;
import org.minillm.criteria.Spsa;
import org.minillm.criteria.SpsaEstimate;

/**
 * The estimate against the true gradient, by back-propagation in transformers, of a small random
 * model with grouped-query attention and biases.
 *
 * <p>Why not tiny-llama and its sums of W * g over groups: their cosine with the noise is at most
 * 0.005 there, so that even 10,000 probes leave a wrong sign within one standard error. Here the
 * whole gradient is at hand, and each probe can be checked.
 */
class SpsaGradientTest {

  private static final String MODEL = "llama-gqa-bias";
  private static final int PROBES = 300;
  private static final long SEED = 2024;

  /** The step: at 1e-3 the curvature shows, below 1e-4 the rounding of the loss does. */
  private static final double EPSILON = 2e-4;

  /** Of |g|, the standard deviation of a slope: what is left of curvature and rounding. */
  private static final double SLOPE_TOLERANCE = 0.002;

  /** 99.9 % of a chi-square distribution with a degree of freedom for each of the 24 tensors. */
  private static final double CHI_SQUARE_BOUND = 51.2;

  /** How far beyond the bound a wrong estimate lies at least. */
  private static final double SEEN = 3;

  /** One prunable tensor's true gradient, and what the estimate says of it. */
  private record Tensor(String name, NDArray gradient) {}

  @ParameterizedTest
  @EnumSource(Direction.class)
  void theSlopeOfEveryProbeIsTheGradientAlongItsDirection(Direction direction) throws IOException {
    // WHEN slopes are measured with forward passes
    Measured measured = measure(direction, EPSILON, 10);

    // THEN each is z . g, g the gradient of back-propagation
    double scale = Math.sqrt(measured.squaredNorm());
    for (int k = 0; k < measured.slopes.length; k++) {
      assertThat(measured.slopes[k])
          .as("probe %d", k)
          .isCloseTo(measured.trueSlopes[k], within(SLOPE_TOLERANCE * scale));
    }
  }

  @Test
  void theMeanOverProbesApproachesTheGradientWithinItsStandardError() throws IOException {
    // WHEN many probes are averaged
    Measured measured = measure(Direction.NORMAL, EPSILON, PROBES);

    // THEN tensor by tensor the estimate lies on the gradient as far as it should
    assertThat(measured.squares).hasSize(24);
    assertThat(measured.chiSquare(1)).isLessThan(CHI_SQUARE_BOUND);
    // AND a wrong sign, or a 2 that was forgotten, would be seen
    assertThat(measured.chiSquare(-1)).isGreaterThan(SEEN * CHI_SQUARE_BOUND);
    assertThat(measured.chiSquare(2)).isGreaterThan(SEEN * CHI_SQUARE_BOUND);
  }

  private static double dot(NDArray a, NDArray b) {
    var left = HostMemory.floats(a);
    var right = HostMemory.floats(b);
    double sum = 0;
    for (int i = 0; i < left.remaining(); i++) {
      sum += (double) left.get(i) * right.get(i);
    }
    return sum;
  }

  /** Estimates with every probe on the whole batch, and hands over everything that was measured. */
  private static Measured measure(Direction direction, double epsilon, int probes)
      throws IOException {
    try (NDManager owner = Compute.cpu().newManager();
        Goldens goldens = Goldens.of(MODEL);
        Goldens truth = Goldens.of(MODEL + "-gradient");
        CausalLm model = CausalLm.open(TestModels.folder(MODEL, Path.of("unused")))) {
      CalibrationSet data =
          new CalibrationSet("goldens", 48, ImmutableList.copyOf(goldens.ids("input_ids")));
      SpsaEstimate estimate =
          (SpsaEstimate)
              new Spsa(probes, epsilon, SEED, direction, Spsa.Data.ALL)
                  .estimate(new PassRunner(model), data, GradientRequest.WEIGHTS);
      List<Tensor> tensors =
          model.groups(Arrays.asList(GroupKind.values())).stream()
              .flatMap(group -> group.slices().stream())
              .map(TensorSlice::tensor)
              .map(name -> new Tensor(name, truth.array(name)))
              .toList();
      return Measured.of(estimate, tensors, direction, owner);
    }
  }

  /**
   * What each probe measured and should have.
   *
   * @param slopes the coefficients
   * @param trueSlopes z . g over all prunable weights, by probe
   * @param squares |g|^2 by tensor
   * @param estimated estimate . g by tensor, of the materialised estimate
   */
  private record Measured(
      double[] slopes, double[] trueSlopes, double[] squares, double[] estimated) {

    static Measured of(
        SpsaEstimate estimate, List<Tensor> tensors, Direction direction, NDManager owner) {
      int probes = estimate.probes().size();
      Measured measured =
          new Measured(
              new double[probes],
              new double[probes],
              new double[tensors.size()],
              new double[tensors.size()]);
      for (int t = 0; t < tensors.size(); t++) {
        Tensor tensor = tensors.get(t);
        var shape = tensor.gradient().getShape();
        measured.squares[t] = dot(tensor.gradient(), tensor.gradient());
        try (NDArray whole = estimate.gradient(tensor.name(), shape, owner).orElseThrow()) {
          measured.estimated[t] = dot(whole, tensor.gradient());
        }
        for (int k = 0; k < probes; k++) {
          Perturbation own = new Perturbation(estimate.probes().get(k).seed(), direction);
          try (NDArray z = own.z(tensor.name(), shape, estimate.kernels(), owner)) {
            measured.trueSlopes[k] += dot(z, tensor.gradient());
          }
        }
      }
      Arrays.setAll(measured.slopes, k -> estimate.probes().get(k).coefficient());
      return measured;
    }

    double squaredNorm() {
      return Arrays.stream(squares).sum();
    }

    /**
     * The squared distance of {@code factor * estimate . g_A} over all tensors A from its
     * expectation |g_A|^2, in units of its standard errors. For a normal direction the covariance
     * of a probe's (z . g)(z . g_A) is D + v v' with D = |g|^2 diag(|g_A|^2) and v = |g_A|^2; its
     * inverse follows from Sherman and Morrison, where v' D^-1 v = 1.
     */
    double chiSquare(double factor) {
      double sum = 0;
      double common = 0;
      for (int t = 0; t < squares.length; t++) {
        double residual = factor * estimated[t] - squares[t];
        sum += residual * residual / (squaredNorm() * squares[t]);
        common += residual / squaredNorm();
      }
      return slopes.length * (sum - common * common / 2);
    }
  }
}
