package org.minillm.criteria;

import ai.djl.ndarray.NDArray;
import java.io.IOException;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.evidence.BlockEvidence;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.tensor.NotFiniteException;
import org.minillm.core.tensor.Reduction;

/**
 * The one expression behind all criteria that look at weights: {@code |W_ij * g_ij * ||X_j||_2| ^
 * exponent}, over the weights of a unit in all slices of its group.
 *
 * @param terms GRADIENT switches g on, INPUT_STATISTICS switches ||X_j||_2 on; what is off is 1
 * @param exponent 1 or 2
 * @param aggregation over all weights of a unit
 */
record WeightScore(Set<Evidence> terms, int exponent, Aggregation aggregation) {

  double[] score(PruningGroup group, BlockEvidence evidence) throws IOException {
    double[] scores = new double[group.units()];
    long weights = 0;
    for (TensorSlice slice : group.slices()) {
      NDArray weight = evidence.weight(slice);
      add(scores, reduce(slice, weight, evidence));
      weights += weight.size() / group.units();
    }
    if (aggregation == Aggregation.MEAN) {
      for (int unit = 0; unit < scores.length; unit++) {
        scores[unit] /= weights;
      }
    }
    return requireFinite(scores, group);
  }

  // javac 17 loses the @Nullable of a record's array on its way through the class file
  @SuppressWarnings("NullAway")
  private double[] reduce(TensorSlice slice, NDArray weight, BlockEvidence evidence)
      throws IOException {
    @Nullable NDArray gradient =
        terms.contains(Evidence.GRADIENT) ? evidence.gradient(slice).orElse(null) : null;
    double @Nullable [] norms =
        terms.contains(Evidence.INPUT_STATISTICS) ? evidence.inputs(slice).norms() : null;
    return evidence
        .kernels()
        .reduce(
            slice.terms(weight).gradient(gradient).inputNorms(norms).exponent(exponent),
            aggregation.reduction());
  }

  private void add(double[] scores, double[] ofSlice) {
    boolean sum = aggregation.reduction() == Reduction.SUM;
    for (int unit = 0; unit < scores.length; unit++) {
      scores[unit] = sum ? scores[unit] + ofSlice[unit] : Math.max(scores[unit], ofSlice[unit]);
    }
  }

  /** Returns the scores, unless one is NaN or infinite. */
  static double[] requireFinite(double[] scores, PruningGroup group) {
    IntStream.range(0, scores.length)
        .filter(unit -> !Double.isFinite(scores[unit]))
        .findFirst()
        .ifPresent(
            unit -> {
              throw new NotFiniteException(
                  "%s: the score of unit %s is %s".formatted(group.id(), unit, scores[unit]));
            });
    return scores;
  }
}
