package org.minillm.criteria;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Sets;
import java.io.IOException;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.evidence.BlockEvidence;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.evidence.TokenWeights;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.tensor.Factor;
import org.minillm.core.tensor.HostMemory;
import org.minillm.core.tensor.Kernels;
import org.minillm.core.tensor.Reduction;

/**
 * Structured optimal brain surgeon (Hassibi and Stork 1993; Kurtic et al., arXiv 2302.04089), in
 * one shot: {@code tr(W_S (G_SS)^-1 W_S^T)} for the channels S of a unit, with {@code G = (H +
 * damping D)^-1}, H = X^T X the second moments of the consumer's inputs. It is the error that
 * removing the unit leaves when the channels of the others are re-fitted to make up for it; of a
 * unit of one channel {@code ||W_:j||^2 / G_jj}. One forward pass; per group n x n doubles and n^3
 * operations; for units of several channels, and in rounds, G is n x n doubles more, and while it
 * is made twice that.
 *
 * @param damping relative to the ridge
 * @param ridge D: DIAGONAL is the diagonal of H, MEAN its mean
 * @param tokens how much a token counts in H
 * @param rounds in which the channels go, the others re-fitted after each; 1 for one shot
 */
public record Obs(double damping, Ridge ridge, TokenWeights tokens, int rounds)
    implements ImportanceCriterion {

  /** The damping of channels, measured best where they are restored (docs/method.md). */
  private static final double DAMPING_OF_CHANNELS = 0.01;

  /** The damping of heads, whose blocks need more of it. */
  private static final double DAMPING_OF_HEADS = 0.1;

  /** What the damping is relative to. */
  public enum Ridge {
    /** Each channel's own second moment. */
    DIAGONAL,
    /** The mean of all channels. */
    MEAN
  }

  // Checks the range.
  public Obs {
    requireNonNull(ridge, "ridge");
    requireNonNull(tokens, "tokens");
    checkArgument(
        damping > 0 && damping < Double.POSITIVE_INFINITY,
        "damping %s: expected a positive number",
        damping);
    checkArgument(rounds > 0, "rounds %s: expected at least 1", rounds);
  }

  /** What suits channels: a damping of 0.01 of the mean, equal tokens. */
  public Obs() {
    this(DAMPING_OF_CHANNELS, Ridge.MEAN, TokenWeights.EQUAL, 1);
  }

  /**
   * What suits heads: a damping of 0.1 of the mean, tokens weighted by the stream, so that heads of
   * different layers compare.
   *
   * @return the criterion
   */
  public static Obs ofHeads() {
    return new Obs(DAMPING_OF_HEADS, Ridge.MEAN, TokenWeights.STREAM, 1);
  }

  @Override
  public ImportanceCriterion defaultsFor(GroupKind kind) {
    return kind == GroupKind.ATTENTION_HEADS ? ofHeads() : new Obs();
  }

  @Override
  public String name() {
    return "obs";
  }

  @Override
  public Map<String, String> parameters() {
    return ImmutableMap.of(
        "damping", Double.toString(damping),
        "ridge", Parameters.id(ridge),
        "tokens", Parameters.id(tokens),
        "rounds", Integer.toString(rounds));
  }

  @Override
  public ImportanceCriterion with(Map<String, String> changes) {
    Parameters parameters = new Parameters(this, changes);
    return new Obs(
        parameters.number("damping"),
        parameters.choice("ridge", Ridge.class),
        parameters.choice("tokens", TokenWeights.class),
        parameters.count("rounds"));
  }

  @Override
  public Set<Evidence> requires() {
    return Sets.immutableEnumSet(Evidence.secondMoments(tokens));
  }

  @Override
  public double[] score(PruningGroup group, BlockEvidence evidence) throws IOException {
    TensorSlice consumer = group.consumer();
    NDArray moments = evidence.secondMoments(consumer, tokens);
    NDArray weight = evidence.weight(consumer);
    Kernels kernels = evidence.kernels();
    try (Factor factor = kernels.ridged(moments, damped(moments))) {
      if (rounds == 1 && consumer.width() == 1) {
        // the diagonal alone takes no second matrix
        return errors(consumer, weight, factor.inverseDiagonal(), kernels);
      }
      try (NDArray inverse = factor.inverse()) {
        IterativeObs.Costs costs = costs(consumer, kernels);
        if (rounds == 1) {
          return costs.of(weight, inverse, unit -> false);
        }
        try (IterativeObs surgeon = new IterativeObs(inverse, weight, consumer.width(), kernels)) {
          return surgeon.run(rounds, costs);
        }
      }
    }
  }

  private static IterativeObs.Costs costs(TensorSlice consumer, Kernels kernels) {
    return consumer.width() == 1
        ? (weight, inverse, gone) ->
            errors(consumer, weight, HostMemory.doubleArray(inverse.diagonal()), kernels)
        : (weight, inverse, gone) ->
            BlockObsSaliency.of(weight, inverse, consumer.width(), gone, kernels);
  }

  /** The errors of units of one channel. */
  private static double[] errors(
      TensorSlice consumer, NDArray weight, double[] inverseDiagonal, Kernels kernels) {
    double[] roots = new double[inverseDiagonal.length];
    Arrays.setAll(roots, j -> 1 / Math.sqrt(inverseDiagonal[j]));
    return kernels.reduce(consumer.terms(weight).inputNorms(roots).exponent(2), Reduction.SUM);
  }

  private double[] damped(NDArray moments) {
    double[] diagonal = HostMemory.doubleArray(moments.diagonal());
    double mean = Arrays.stream(diagonal).average().orElse(0);
    double[] damped = new double[diagonal.length];
    Arrays.setAll(damped, j -> damping * (ridge == Ridge.DIAGONAL ? diagonal[j] : mean));
    return damped;
  }
}
