package org.minillm.criteria;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import com.google.common.collect.ImmutableMap;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.minillm.core.calibration.TokenWeights;
import org.minillm.core.pruning.Restoration;
import org.minillm.core.tensor.Factor;
import org.minillm.core.tensor.HostMemory;
import org.minillm.core.tensor.Kernels;

/**
 * Ridge least squares on the correction of a consumer: with X the inputs that stay, R what is
 * missing of the target, {@code W'_K = W_K + R^T X (X^T X + lambda m I)^-1}, m the mean of the
 * diagonal of X^T X. Where the consumer has a bias, it is fitted too, without a ridge. Solved in
 * double.
 *
 * <p>A sequential fit knows its calibration text. With d = {@code tr(H (H + lambda m I)^-1)}
 * degrees of freedom on n tokens, H = X^T X, it misses less there than it will on another text
 * (Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 7.4 and 7.6), and the
 * fits of later layers would rely on it: {@link #noise}.
 *
 * @param lambda the ridge, relative to the mean second moment; more keeps the weights closer to
 *     what they were
 * @param target what is reproduced
 * @param tokens how much a token counts
 * @param inputs whose inputs the fit is on; those of the dense model know of no error of the layers
 *     before, so that their target is the consumer's own
 * @param values the ridge of the fit of the attention's values to what they read in the dense
 *     model, likewise relative; 0 leaves the values as they are
 * @param noise factor of what other windows miss, in parts of d/n, up to half of it; 0 for none
 */
public record LeastSquares(
    double lambda, Target target, TokenWeights tokens, Inputs inputs, double values, double noise)
    implements Restoration {

  /** The ridge of the best sequential figures of the reference. */
  private static final double DEFAULT_LAMBDA = 0.4;

  /** The ridge of the values, and the factor of the noise: measured best (docs/method.md). */
  private static final double DEFAULT_VALUES = 0.003;

  private static final double DEFAULT_NOISE = 12;

  // Checks the range, and what can be fitted on dense inputs.
  public LeastSquares {
    requireNonNull(target, "target");
    requireNonNull(tokens, "tokens");
    requireNonNull(inputs, "inputs");
    checkArgument(
        lambda > 0 && lambda < Double.POSITIVE_INFINITY,
        "lambda %s: expected a positive number",
        lambda);
    requirePositiveOrZero("values", values, "to leave the values as they are");
    requirePositiveOrZero("noise", noise, "for none");
    requireZeroOnDenseInputs(inputs, "values", values, "the values miss nothing");
    requireZeroOnDenseInputs(inputs, "noise", noise, "there is no later fit to warn");
    checkArgument(
        inputs == Inputs.PRUNED || target == Target.OWN,
        "inputs dense with target residual: the dense model's stream misses nothing; expected"
            + " target=own,inputs=dense");
  }

  private static void requirePositiveOrZero(String name, double value, String zero) {
    checkArgument(
        value >= 0 && value < Double.POSITIVE_INFINITY,
        "%s %s: expected a positive number, or 0 %s",
        name,
        value,
        zero);
  }

  private static void requireZeroOnDenseInputs(
      Inputs inputs, String name, double value, String reason) {
    checkArgument(
        inputs == Inputs.PRUNED || value == 0,
        "inputs dense with %s %s: on the dense model's inputs %s; expected %s=0,inputs=dense",
        name,
        value,
        reason,
        name);
  }

  /** Lambda 0.4, the residual target, values fitted with 0.003, noise of 12. */
  public LeastSquares() {
    this(
        DEFAULT_LAMBDA,
        Target.RESIDUAL,
        TokenWeights.EQUAL,
        Inputs.PRUNED,
        DEFAULT_VALUES,
        DEFAULT_NOISE);
  }

  @Override
  public String name() {
    return "least-squares";
  }

  @Override
  public Map<String, String> parameters() {
    return ImmutableMap.of(
        "lambda", Double.toString(lambda),
        "target", Parameters.id(target),
        "tokens", Parameters.id(tokens),
        "inputs", Parameters.id(inputs),
        "values", Double.toString(values),
        "noise", Double.toString(noise));
  }

  /** Dense inputs leave no room for values and noise, which go where they are not named. */
  @Override
  public Restoration with(Map<String, String> changes) {
    Map<String, String> all = new HashMap<>(changes);
    if (Parameters.id(Inputs.DENSE).equals(changes.get("inputs"))) {
      all.putIfAbsent("values", "0");
      all.putIfAbsent("noise", "0");
    }
    Parameters parameters = new Parameters(this, all);
    return new LeastSquares(
        parameters.number("lambda"),
        parameters.choice("target", Target.class),
        parameters.choice("tokens", TokenWeights.class),
        parameters.choice("inputs", Inputs.class),
        parameters.number("values"),
        parameters.number("noise"));
  }

  @Override
  public Optional<Restoration> valueRestoration() {
    return values == 0
        ? Optional.empty()
        : Optional.of(new LeastSquares(values, target, tokens, inputs, 0, 0));
  }

  @Override
  public Correction correction(Moments moments) {
    Intercept intercept = moments.intercept();
    if (intercept == null) {
      return solve(moments.inputs(), moments.residuals(), moments.kernels());
    }
    // with a bias beside it the weight is fitted to deviations from the means
    NDArray meanInputs = intercept.inputs().div(intercept.tokens());
    Correction slope =
        solve(
            moments.inputs().sub(intercept.inputs().transpose().matMul(meanInputs)),
            moments.residuals().sub(intercept.residuals().transpose().matMul(meanInputs)),
            moments.kernels());
    NDArray meanResiduals = intercept.residuals().div(intercept.tokens());
    return new Correction(
        slope.weight(),
        meanResiduals.sub(meanInputs.matMul(slope.weight().transpose())),
        slope.freedom());
  }

  private Correction solve(NDArray inputs, NDArray residuals, Kernels kernels) {
    double[] ridge = HostMemory.doubleArray(inputs.diagonal());
    double share = lambda * Arrays.stream(ridge).average().orElse(0);
    Arrays.fill(ridge, share);
    try (Factor factor = kernels.ridged(inputs, ridge)) {
      // (X^T X + ridge) C^T = (R^T X)^T
      NDArray weight = factor.solve(residuals.transpose()).transpose();
      return new Correction(weight, null, noise == 0 ? 0 : freedom(factor, share));
    }
  }

  /** tr(H (H + ridge)^-1) = n - ridge tr((H + ridge)^-1). */
  private static double freedom(Factor factor, double ridge) {
    double[] inverse = factor.inverseDiagonal();
    return inverse.length - ridge * Arrays.stream(inverse).sum();
  }
}
