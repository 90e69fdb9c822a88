package org.minillm.core.pruning;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import java.nio.FloatBuffer;
import org.jspecify.annotations.Nullable;
import org.minillm.core.model.InputTap;
import org.minillm.core.model.ValueProjection;
import org.minillm.core.model.WeightSource;
import org.minillm.core.tensor.HostMemory;
import org.minillm.core.tensor.Kernels;

/**
 * Lets the values of a layer read what the dense model's read, as far as the pruned model's inputs
 * tell it: {@link Restoration#valueRestoration}.
 */
final class ValueRefit {

  private final Restoration restoration;
  private final ValueProjection values;
  private final MomentSums sums;
  private final NDManager owner;

  /**
   * Begins the sums of a layer.
   *
   * @param restoration computes the correction of the inputs
   * @param values the rows that are fitted
   * @param hiddenSize columns of the rows
   * @param owner where the sums hang
   * @param kernels make the sums
   */
  ValueRefit(
      Restoration restoration,
      ValueProjection values,
      long hiddenSize,
      NDManager owner,
      Kernels kernels) {
    this.restoration = restoration;
    this.values = values;
    this.owner = owner;
    this.sums = new MomentSums(hiddenSize, hiddenSize, values.bias() != null, owner, kernels);
  }

  /** Watches one micro-batch of the pruned model; {@code dense} is what the dense model reads. */
  InputTap batch(NDArray dense) {
    return new InputTap() {
      private @Nullable NDArray roots;

      @Override
      public void before(NDArray stream) {
        roots = restoration.tokens().roots(stream);
      }

      @Override
      public void accept(String point, NDArray input) {
        if (point.equals(values.input())) {
          sums.add(
              MomentSums.weighted(input, roots),
              MomentSums.weighted(dense.sub(input), roots),
              roots);
        }
      }
    };
  }

  /**
   * Fits the rows to all that was watched.
   *
   * @param weights the dense layer's
   * @param results where the results hang
   * @return by name, in the dense model's shapes
   */
  ImmutableMap<String, NDArray> fitted(WeightSource weights, NDManager results) throws IOException {
    Restoration.Correction correction =
        Corrections.of(restoration, sums.moments(), values.weight());
    NDArray rows = owner.create(values.rows().stream().asLongStream().toArray());
    ImmutableMap.Builder<String, NDArray> fitted = ImmutableMap.builder();
    try (NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDArray weight = weights.read(values.weight(), owner);
      NDArray ofValues = weight.get(rows).toType(DataType.FLOAT64, false);
      // W (x + C x + c) = (W + W C) x + W c
      NDArray turned = ofValues.add(ofValues.matMul(correction.weight()));
      fitted.put(values.weight(), withRows(weight, turned, results));
      if (values.bias() != null && correction.bias() != null) {
        NDArray bias = weights.read(values.bias(), owner);
        NDArray shifted =
            bias.get(rows)
                .toType(DataType.FLOAT64, false)
                .add(ofValues.matMul(correction.bias().reshape(-1, 1)).reshape(-1));
        fitted.put(values.bias(), withRows(bias, shifted, results));
      }
    }
    return fitted.build();
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
