package org.minillm.core.pruning;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.primitives.ImmutableIntArray;
import org.jspecify.annotations.Nullable;
import org.minillm.core.calibration.SecondMoments;
import org.minillm.core.model.InputTap;
import org.minillm.core.model.TensorSlice;

/** Gathers {@link Restoration.Moments} of one consumer while the pruned stream passes it. */
final class MomentsTap {

  private final Restoration restoration;
  private final String point;
  private final NDArray kept;
  private final NDArray removed;
  private final NDArray removedWeights;
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

    Restoration.Intercept intercept() {
      return new Restoration.Intercept(
          inputs.sum(), residuals.sum(), tokens.sum().toDoubleArray()[0]);
    }
  }

  /**
   * Begins the sums of a consumer.
   *
   * @param restoration says which sums
   * @param consumer the consumer
   * @param cut which of its columns stay
   * @param weight the dense consumer, FLOAT32, (out, n)
   * @param hasBias whether the consumer has a bias
   * @param owner where the sums hang
   */
  MomentsTap(
      Restoration restoration,
      TensorSlice consumer,
      CutTable.Cut cut,
      NDArray weight,
      boolean hasBias,
      NDManager owner) {
    this.restoration = restoration;
    this.point = consumer.input();
    this.kept = indices(cut.kept(), owner);
    this.removed = indices(cut.removed(), owner);
    NDArray transposed = weight.transpose();
    this.removedWeights = transposed.get(removed);
    removedWeights.attach(owner);
    transposed.close();
    long columns = cut.kept().length();
    this.inputs = new SecondMoments(columns, columns, owner);
    long out = weight.getShape().get(0);
    this.residuals = new SecondMoments(out, columns, owner);
    this.first =
        hasBias
            ? new FirstMoments(
                new SecondMoments(1, columns, owner),
                new SecondMoments(1, out, owner),
                new SecondMoments(1, 1, owner))
            : null;
  }

  private static NDArray indices(ImmutableIntArray numbers, NDManager owner) {
    return owner.create(numbers.stream().asLongStream().toArray());
  }

  /** Watches one micro-batch; {@code denseSum} is the dense stream after the consumer. */
  InputTap batch(NDArray denseSum) {
    return new Batch(denseSum);
  }

  /** Watches micro-batches of the dense model, whose stream misses nothing. */
  InputTap ofDenseInputs() {
    return new Batch(null);
  }

  Restoration.Moments moments() {
    return new Restoration.Moments(
        inputs.sum(), residuals.sum(), first == null ? null : first.intercept());
  }

  private final class Batch implements InputTap {
    private final @Nullable NDArray denseSum;
    private @Nullable NDArray weightRoots;
    private @Nullable NDArray input;

    Batch(@Nullable NDArray denseSum) {
      this.denseSum = denseSum;
    }

    @Override
    public void before(NDArray stream) {
      weightRoots = restoration.tokens().roots(stream);
      input = null;
    }

    @Override
    public void accept(String tapPoint, NDArray channels) {
      if (tapPoint.equals(point)) {
        input = channels;
      }
    }

    @Override
    public void after(NDArray sum) {
      if (input == null) {
        return;
      }
      // (channels, tokens): choosing rows is cheaper than choosing columns
      NDArray channels = weighted(input).transpose();
      NDArray x = channels.get(kept).transpose();
      NDArray missing =
          denseSum != null && restoration.target() == Restoration.Target.RESIDUAL
              ? weighted(denseSum.sub(sum))
              : channels.get(removed).transpose().matMul(removedWeights);
      inputs.add(x, x);
      residuals.add(missing, x);
      if (first != null) {
        first.add(ones(x), x, missing);
      }
      input = null;
    }

    /** The roots of the weights of the tokens. */
    private NDArray ones(NDArray x) {
      long tokens = x.getShape().get(0);
      return weightRoots == null
          ? x.getManager().ones(new Shape(tokens, 1))
          : weightRoots.reshape(tokens, 1);
    }

    /** Rows of tokens, times the roots of their weights. */
    private NDArray weighted(NDArray tokens) {
      NDArray rows = weightRoots == null ? tokens : tokens.mul(weightRoots);
      return rows.reshape(-1, tokens.getShape().getLastDimension());
    }
  }
}
