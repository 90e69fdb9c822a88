package org.minillm.core.restore;

import static com.google.common.base.Preconditions.checkNotNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.common.primitives.ImmutableIntArray;
import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.journal.ArraySource;
import org.minillm.core.plan.CutTable;
import org.minillm.core.runtime.Observer;
import org.minillm.core.tensor.Kernels;

/** Sums up {@link Restoration.Moments} of one consumer while hidden states pass it. */
final class ConsumerMoments implements Observer<MomentSums> {

  private final Restoration restoration;
  private final String point;
  private final NDArray kept;
  private final NDArray removed;
  private final NDArray removedWeights;
  private final long columns;
  private final long out;
  private final boolean hasBias;
  private final @Nullable ArraySource wanted;
  private final Kernels kernels;

  /**
   * Prepares the sums of a consumer.
   *
   * @param restoration says which sums
   * @param consumer the consumer
   * @param cut which of its columns stay
   * @param weight the dense consumer, FLOAT32, (out, n)
   * @param hasBias whether the consumer has a bias
   * @param wanted what the stream is to be after the consumer, in micro-batches; null where the
   *     stream is the dense model's, which misses nothing
   * @param owner where arrays hang that all micro-batches need
   * @param kernels make the sums
   */
  ConsumerMoments(
      Restoration restoration,
      TensorSlice consumer,
      CutTable.Cut cut,
      NDArray weight,
      boolean hasBias,
      @Nullable ArraySource wanted,
      NDManager owner,
      Kernels kernels) {
    this.restoration = restoration;
    this.point = checkNotNull(consumer.input());
    this.kept = indices(cut.kept(), owner);
    this.removed = indices(cut.removed(), owner);
    NDArray transposed = weight.transpose();
    this.removedWeights = transposed.get(removed);
    removedWeights.attach(owner);
    transposed.close();
    this.columns = cut.kept().length();
    this.out = weight.getShape().get(0);
    this.hasBias = hasBias;
    this.wanted = wanted;
    this.kernels = kernels;
  }

  private static NDArray indices(ImmutableIntArray numbers, NDManager owner) {
    return owner.create(numbers.stream().asLongStream().toArray());
  }

  @Override
  public MomentSums begin(NDManager owner) {
    return new MomentSums(columns, out, hasBias, owner, kernels);
  }

  @Override
  public BlockTap watch(MomentSums sums, int batch, NDManager scratch) throws IOException {
    NDArray target = wanted == null ? null : wanted.read(batch, scratch);
    return new BlockTap() {
      @Override
      public void sublayer(Sublayer done) {
        NDArray input = done.inputs().get(point);
        if (input != null) {
          add(sums, input, done, target);
        }
      }
    };
  }

  private void add(
      MomentSums sums, NDArray input, BlockTap.Sublayer done, @Nullable NDArray target) {
    NDArray roots = restoration.tokens().roots(done.before());
    // (channels, tokens): choosing rows is cheaper than choosing columns
    NDArray channels = MomentSums.weighted(input, roots).transpose();
    NDArray x = channels.get(kept).transpose();
    NDArray missing =
        target != null && restoration.target() == Restoration.Target.RESIDUAL
            ? MomentSums.weighted(target.sub(done.after()), roots)
            : channels.get(removed).transpose().matMul(removedWeights);
    sums.add(x, missing, roots);
  }
}
