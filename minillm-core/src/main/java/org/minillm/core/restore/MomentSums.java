package org.minillm.core.restore;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import org.jspecify.annotations.Nullable;
import org.minillm.core.evidence.TokenWeights;
import org.minillm.core.runtime.Sums;
import org.minillm.core.tensor.HostMemory;
import org.minillm.core.tensor.Kernels;
import org.minillm.core.tensor.SecondMoments;

/** Sums {@link Restoration.Moments} over micro-batches. */
final class MomentSums implements Sums<MomentSums> {

  private final Kernels kernels;
  private final SecondMoments inputs;
  private final SecondMoments residuals;
  private final @Nullable FirstMoments first;

  /** Sums over the tokens: products with a column of ones. */
  private record FirstMoments(SecondMoments inputs, SecondMoments residuals, SecondMoments tokens) {

    void add(NDArray ones, NDArray x, NDArray missing) {
      inputs.add(ones, x);
      residuals.add(ones, missing);
      tokens.add(ones, ones);
    }

    void merge(FirstMoments later) {
      inputs.merge(later.inputs);
      residuals.merge(later.residuals);
      tokens.merge(later.tokens);
    }

    void close() {
      inputs.close();
      residuals.close();
      tokens.close();
    }

    Restoration.Intercept intercept() {
      return new Restoration.Intercept(
          inputs.sum(), residuals.sum(), HostMemory.doubleArray(tokens.sum())[0]);
    }
  }

  /**
   * Begins with nothing.
   *
   * @param columns of the inputs
   * @param out columns of what is missing
   * @param hasBias whether first moments are wanted
   * @param owner where the sums hang
   * @param kernels make them, and solve what follows from them
   */
  MomentSums(long columns, long out, boolean hasBias, NDManager owner, Kernels kernels) {
    this.kernels = kernels;
    inputs = kernels.secondMoments(columns, columns, owner);
    residuals = kernels.secondMoments(out, columns, owner);
    first =
        hasBias
            ? new FirstMoments(
                kernels.secondMoments(1, columns, owner),
                kernels.secondMoments(1, out, owner),
                kernels.secondMoments(1, 1, owner))
            : null;
  }

  /**
   * Adds tokens.
   *
   * @param x FLOAT32, (tokens, columns), times the roots of the weights of the tokens
   * @param missing FLOAT32, (tokens, out), likewise
   * @param roots FLOAT32, (…, 1), these roots; null where all are 1
   */
  void add(NDArray x, NDArray missing, @Nullable NDArray roots) {
    inputs.add(x, x);
    residuals.add(missing, x);
    if (first != null) {
      long tokens = x.getShape().get(0);
      first.add(
          roots == null ? x.getManager().ones(new Shape(tokens, 1)) : roots.reshape(tokens, 1),
          x,
          missing);
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
    return new Restoration.Moments(
        inputs.sum(), residuals.sum(), first == null ? null : first.intercept(), kernels);
  }

  @Override
  public void merge(MomentSums later) {
    inputs.merge(later.inputs);
    residuals.merge(later.residuals);
    if (first != null && later.first != null) {
      first.merge(later.first);
    }
  }

  @Override
  public void close() {
    inputs.close();
    residuals.close();
    if (first != null) {
      first.close();
    }
  }
}
