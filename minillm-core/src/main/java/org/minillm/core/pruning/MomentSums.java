package org.minillm.core.pruning;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import org.jspecify.annotations.Nullable;
import org.minillm.core.calibration.SecondMoments;
import org.minillm.core.calibration.TokenWeights;

/** Sums {@link Restoration.Moments} over micro-batches. */
final class MomentSums {

  private final SecondMoments inputs;
  private final SecondMoments residuals;
  private final @Nullable SecondMoments own;
  private final @Nullable FirstMoments first;

  /** Sums over the tokens: products with a column of ones. */
  private record FirstMoments(
      SecondMoments inputs,
      SecondMoments residuals,
      @Nullable SecondMoments own,
      SecondMoments tokens) {}

  /**
   * Begins with nothing.
   *
   * @param columns of the inputs
   * @param out columns of what is missing
   * @param separatesOwn whether a part of it is summed by itself
   * @param hasBias whether first moments are wanted
   * @param owner where the sums hang
   */
  MomentSums(long columns, long out, boolean separatesOwn, boolean hasBias, NDManager owner) {
    inputs = new SecondMoments(columns, columns, owner);
    residuals = new SecondMoments(out, columns, owner);
    own = separatesOwn ? new SecondMoments(out, columns, owner) : null;
    first =
        hasBias
            ? new FirstMoments(
                new SecondMoments(1, columns, owner),
                new SecondMoments(1, out, owner),
                separatesOwn ? new SecondMoments(1, out, owner) : null,
                new SecondMoments(1, 1, owner))
            : null;
  }

  /**
   * Adds tokens.
   *
   * @param x FLOAT32, (tokens, columns), times the roots of the weights of the tokens
   * @param missing FLOAT32, (tokens, out), likewise
   * @param ownPart of {@code missing}, likewise; null where it is not summed by itself
   * @param roots FLOAT32, (…, 1), these roots; null where all are 1
   */
  void add(NDArray x, NDArray missing, @Nullable NDArray ownPart, @Nullable NDArray roots) {
    inputs.add(x, x);
    residuals.add(missing, x);
    if (own != null && ownPart != null) {
      own.add(ownPart, x);
    }
    if (first != null) {
      long tokens = x.getShape().get(0);
      NDArray ones =
          roots == null ? x.getManager().ones(new Shape(tokens, 1)) : roots.reshape(tokens, 1);
      first.inputs().add(ones, x);
      first.residuals().add(ones, missing);
      first.tokens().add(ones, ones);
      if (first.own() != null && ownPart != null) {
        first.own().add(ones, ownPart);
      }
    }
  }

  /**
   * Makes rows of tokens, times the roots of their weights.
   *
   * @param tokens FLOAT32, (batch, time, channels)
   * @param roots as of {@link TokenWeights#roots}
   * @return FLOAT32, (batch * time, channels)
   */
  static NDArray weighted(NDArray tokens, @Nullable NDArray roots) {
    NDArray rows = roots == null ? tokens : tokens.mul(roots);
    return rows.reshape(-1, tokens.getShape().getLastDimension());
  }

  /** Returns the sums, which are this object's own. */
  Restoration.Moments moments() {
    return new Restoration.Moments(inputs.sum(), residuals.sum(), sum(own), intercept());
  }

  private Restoration.@Nullable Intercept intercept() {
    return first == null
        ? null
        : new Restoration.Intercept(
            first.inputs().sum(),
            first.residuals().sum(),
            sum(first.own()),
            first.tokens().sum().toDoubleArray()[0]);
  }

  private static @Nullable NDArray sum(@Nullable SecondMoments moments) {
    return moments == null ? null : moments.sum();
  }
}
