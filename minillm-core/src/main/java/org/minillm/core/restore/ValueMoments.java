package org.minillm.core.restore;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import java.nio.FloatBuffer;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.ValueProjection;
import org.minillm.core.architecture.WeightSource;
import org.minillm.core.journal.ArraySource;
import org.minillm.core.runtime.Observer;
import org.minillm.core.tensor.HostMemory;
import org.minillm.core.tensor.Kernels;

/**
 * Lets the values of a layer read what the dense model's read, as far as the pruned model's inputs
 * tell it: {@link Restoration#valueRestoration}.
 */
final class ValueMoments implements Observer<MomentSums> {

  private final Restoration restoration;
  private final ValueProjection values;
  private final long hiddenSize;
  private final ArraySource dense;
  private final Kernels kernels;

  /**
   * Prepares the sums of a layer.
   *
   * @param restoration computes the correction of the inputs
   * @param values the rows that are restored
   * @param hiddenSize columns of the rows
   * @param dense what the dense model's values read, in micro-batches
   * @param kernels make the sums
   */
  ValueMoments(
      Restoration restoration,
      ValueProjection values,
      long hiddenSize,
      ArraySource dense,
      Kernels kernels) {
    this.restoration = restoration;
    this.values = values;
    this.hiddenSize = hiddenSize;
    this.dense = dense;
    this.kernels = kernels;
  }

  @Override
  public MomentSums begin(NDManager owner) {
    return new MomentSums(hiddenSize, hiddenSize, values.bias() != null, owner, kernels);
  }

  @Override
  public BlockTap watch(MomentSums sums, int batch, NDManager scratch) throws IOException {
    NDArray wanted = dense.read(batch, scratch);
    return new BlockTap() {
      @Override
      public void sublayer(Sublayer done) {
        NDArray input = done.inputs().get(values.input());
        if (input != null) {
          NDArray roots = restoration.tokens().roots(done.before());
          sums.add(
              MomentSums.weighted(input, roots),
              MomentSums.weighted(wanted.sub(input), roots),
              roots);
        }
      }
    };
  }

  /**
   * Restores the rows by all that was summed.
   *
   * @param sums over all micro-batches
   * @param weights the dense layer's
   * @param results where the results hang
   * @return by name, in the dense model's shapes
   */
  ImmutableMap<String, NDArray> restored(MomentSums sums, WeightSource weights, NDManager results)
      throws IOException {
    Restoration.Delta correction =
        RestorationDeltas.of(restoration, sums.moments(), values.weight());
    ImmutableMap.Builder<String, NDArray> restored = ImmutableMap.builder();
    try (NDManager scratch = results.newSubManager();
        NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDArray rows = scratch.create(values.rows().stream().asLongStream().toArray());
      NDArray weight = weights.read(values.weight(), scratch);
      NDArray ofValues = weight.get(rows).toType(DataType.FLOAT64, false);
      // W (x + C x + c) = (W + W C) x + W c
      NDArray turned = ofValues.add(ofValues.matMul(correction.weight()));
      restored.put(values.weight(), withRows(weight, turned, results));
      if (values.bias() != null && correction.bias() != null) {
        NDArray bias = weights.read(values.bias(), scratch);
        NDArray shifted =
            bias.get(rows)
                .toType(DataType.FLOAT64, false)
                .add(ofValues.matMul(correction.bias().reshape(-1, 1)).reshape(-1));
        restored.put(values.bias(), withRows(bias, shifted, results));
      }
    }
    return restored.build();
  }

  /** Copies a tensor with the rows of values replaced. */
  private NDArray withRows(NDArray dense, NDArray replaced, NDManager results) {
    NDArray copy = results.create(dense.getShape(), DataType.FLOAT32);
    NDScope.unregister(copy);
    FloatBuffer from = HostMemory.floats(dense);
    FloatBuffer rows = HostMemory.floats(replaced.toType(DataType.FLOAT32, false));
    int width = rows.remaining() / values.rows().length();
    HostMemory.fill(
        copy,
        to -> {
          to.put(0, from, 0, from.remaining());
          for (int i = 0; i < values.rows().length(); i++) {
            to.put(values.rows().get(i) * width, rows, i * width, width);
          }
        });
    return copy;
  }
}
