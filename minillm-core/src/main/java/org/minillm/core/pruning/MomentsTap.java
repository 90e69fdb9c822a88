package org.minillm.core.pruning;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.common.primitives.ImmutableIntArray;
import org.jspecify.annotations.Nullable;
import org.minillm.core.model.InputTap;
import org.minillm.core.model.TensorSlice;

/** Gathers {@link Restoration.Moments} of one consumer while the pruned stream passes it. */
final class MomentsTap {

  private final Restoration restoration;
  private final String point;
  private final NDArray kept;
  private final NDArray removed;
  private final NDArray removedWeights;
  private final MomentSums sums;

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
    this.point = requireNonNull(consumer.input());
    this.kept = indices(cut.kept(), owner);
    this.removed = indices(cut.removed(), owner);
    NDArray transposed = weight.transpose();
    this.removedWeights = transposed.get(removed);
    removedWeights.attach(owner);
    transposed.close();
    long columns = cut.kept().length();
    this.sums = new MomentSums(columns, weight.getShape().get(0), hasBias, owner);
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
    return sums.moments();
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
      NDArray channels = MomentSums.weighted(input, weightRoots).transpose();
      NDArray x = channels.get(kept).transpose();
      NDArray missing =
          denseSum != null && restoration.target() == Restoration.Target.RESIDUAL
              ? MomentSums.weighted(denseSum.sub(sum), weightRoots)
              : channels.get(removed).transpose().matMul(removedWeights);
      sums.add(x, missing, weightRoots);
      input = null;
    }
  }
}
