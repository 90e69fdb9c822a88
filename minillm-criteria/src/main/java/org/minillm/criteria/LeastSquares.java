package org.minillm.criteria;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import com.google.common.collect.ImmutableMap;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.minillm.core.evidence.TokenWeights;
import org.minillm.core.plugin.PluginSpec;
import org.minillm.core.restore.Restoration;
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
 * <p>Settings, each by its name in {@link #with}: {@code lambda}, the ridge, relative to the mean
 * second moment (more keeps the weights closer to what they were); {@code target}, what is
 * reproduced; {@code tokens}, how much a token counts; {@code inputs}, whose inputs the fit is on
 * (those of the dense model know of no error of the layers before, so that their target is the
 * consumer's own); {@code value-ridge}, the ridge of the fit of the attention's values to what they
 * read in the dense model, likewise relative, 0 to leave the values as they are; {@code noise}, the
 * factor of what other windows miss, in parts of d/n, up to half of it, 0 for none.
 */
public final class LeastSquares implements Restoration {

  private static final String VALUE_RIDGE = "value-ridge";

  /** The ridge of the best sequential figures of the reference. */
  private static final double DEFAULT_LAMBDA = 0.4;

  /** The ridge of the values, and the factor of the noise: measured best (docs/method.md). */
  private static final double DEFAULT_VALUE_RIDGE = 0.003;

  private static final double DEFAULT_NOISE = 12;

  private final double lambda;
  private final Target target;
  private final TokenWeights tokens;
  private final Inputs inputs;
  private final double valueRidge;
  private final double noise;

  /** Lambda 0.4, the residual target, values fitted with 0.003, noise of 12. */
  public LeastSquares() {
    this(
        DEFAULT_LAMBDA,
        Target.RESIDUAL,
        TokenWeights.EQUAL,
        Inputs.PRUNED,
        DEFAULT_VALUE_RIDGE,
        DEFAULT_NOISE);
  }

  private LeastSquares(
      double lambda,
      Target target,
      TokenWeights tokens,
      Inputs inputs,
      double valueRidge,
      double noise) {
    checkArgument(
        lambda > 0 && lambda < Double.POSITIVE_INFINITY,
        "lambda %s: expected a positive number",
        lambda);
    requirePositiveOrZero(VALUE_RIDGE, valueRidge, "to leave the values as they are");
    requirePositiveOrZero("noise", noise, "for none");
    requireZeroOnDenseInputs(inputs, VALUE_RIDGE, valueRidge, "the values miss nothing");
    requireZeroOnDenseInputs(inputs, "noise", noise, "there is no later fit to warn");
    checkArgument(
        inputs == Inputs.PRUNED || target == Target.OWN,
        "inputs dense with target residual: the dense model's stream misses nothing; expected"
            + " target=own,inputs=dense");
    this.lambda = lambda;
    this.target = target;
    this.tokens = tokens;
    this.inputs = inputs;
    this.valueRidge = valueRidge;
    this.noise = noise;
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

  @Override
  public String name() {
    return "least-squares";
  }

  @Override
  public Map<String, String> parameters() {
    return ImmutableMap.of(
        "lambda",
        Double.toString(lambda),
        "target",
        Parameters.id(target),
        "tokens",
        Parameters.id(tokens),
        "inputs",
        Parameters.id(inputs),
        VALUE_RIDGE,
        Double.toString(valueRidge),
        "noise",
        Double.toString(noise));
  }

  /** Dense inputs leave no room for values and noise, which go where they are not named. */
  @Override
  public LeastSquares with(Map<String, String> changes) {
    Map<String, String> all = new HashMap<>(requireNonNull(changes, "changes"));
    if (Parameters.id(Inputs.DENSE).equals(changes.get("inputs"))) {
      all.putIfAbsent(VALUE_RIDGE, "0");
      all.putIfAbsent("noise", "0");
    }
    Parameters parameters = new Parameters(this, all);
    return new LeastSquares(
        parameters.number("lambda"),
        parameters.choice("target", Target.class),
        parameters.choice("tokens", TokenWeights.class),
        parameters.choice("inputs", Inputs.class),
        parameters.number(VALUE_RIDGE),
        parameters.number("noise"));
  }

  @Override
  public Map<String, String> formerParameters() {
    return Map.of("values", VALUE_RIDGE);
  }

  @Override
  public Target target() {
    return target;
  }

  @Override
  public TokenWeights tokens() {
    return tokens;
  }

  @Override
  public Inputs inputs() {
    return inputs;
  }

  @Override
  public double noise() {
    return noise;
  }

  @Override
  public Optional<Restoration> valueRestoration() {
    return valueRidge == 0
        ? Optional.empty()
        : Optional.of(new LeastSquares(valueRidge, target, tokens, inputs, 0, 0));
  }

  @Override
  public Delta delta(Moments moments) {
    Intercept intercept = moments.intercept();
    if (intercept == null) {
      return solve(moments.inputs(), moments.residuals(), moments.kernels());
    }
    // with a bias beside it the weight is fitted to deviations from the means
    NDArray meanInputs = intercept.inputs().div(intercept.tokens());
    Delta slope =
        solve(
            moments.inputs().sub(intercept.inputs().transpose().matMul(meanInputs)),
            moments.residuals().sub(intercept.residuals().transpose().matMul(meanInputs)),
            moments.kernels());
    NDArray meanResiduals = intercept.residuals().div(intercept.tokens());
    return new Delta(
        slope.weight(),
        meanResiduals.sub(meanInputs.matMul(slope.weight().transpose())),
        slope.freedom());
  }

  private Delta solve(NDArray inputs, NDArray residuals, Kernels kernels) {
    double[] ridge = HostMemory.doubleArray(inputs.diagonal());
    double share = lambda * Arrays.stream(ridge).average().orElse(0);
    Arrays.fill(ridge, share);
    try (Factor factor = kernels.ridged(inputs, ridge)) {
      // (X^T X + ridge) C^T = (R^T X)^T
      NDArray weight = factor.solve(residuals.transpose()).transpose();
      return new Delta(weight, null, noise == 0 ? 0 : freedom(factor, share));
    }
  }

  /** tr(H (H + ridge)^-1) = n - ridge tr((H + ridge)^-1). */
  private static double freedom(Factor factor, double ridge) {
    double[] inverse = factor.inverseDiagonal();
    return inverse.length - ridge * Arrays.stream(inverse).sum();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof LeastSquares same && parameters().equals(same.parameters());
  }

  @Override
  public int hashCode() {
    return parameters().hashCode();
  }

  @Override
  public String toString() {
    return PluginSpec.of(this).toString();
  }
}
