package org.minillm.models;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.minillm.core.model.WeightSource;

/** A linear layer: weight (out, in), optional bias (out). */
record Linear(NDArray weight, @Nullable NDArray bias) {

  NDArray apply(NDArray input) {
    return (bias == null
            ? ai.djl.nn.core.Linear.linear(input, weight)
            : ai.djl.nn.core.Linear.linear(input, weight, bias))
        .singletonOrThrow();
  }

  /**
   * A linear layer as a row of a family's table.
   *
   * @param path its module path
   * @param out rows of the weight
   * @param in columns of the weight
   * @param hasBias whether the checkpoint has a bias for it
   */
  record Row(String path, int out, int in, boolean hasBias) {

    String weight() {
      return path + ".weight";
    }

    String bias() {
      return path + ".bias";
    }

    void addTensors(ImmutableMap.Builder<String, Shape> all) {
      all.put(weight(), new Shape(out, in));
      if (hasBias) {
        all.put(bias(), new Shape(out));
      }
    }

    Linear open(WeightSource weights, NDManager owner) throws IOException {
      return new Linear(
          weights.read(weight(), owner), hasBias ? weights.read(bias(), owner) : null);
    }
  }
}
