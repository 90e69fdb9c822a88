package org.minillm.models;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import org.minillm.core.architecture.WeightSource;

/**
 * A linear layer as a row of a family's table: {@code path.weight} is (out, in), {@code path.bias}
 * is (out).
 *
 * @param path its module path
 * @param out rows of the weight
 * @param in columns of the weight
 * @param hasBias whether the checkpoint has a bias for it
 */
public record LinearRow(String path, int out, int in, boolean hasBias) {

  // Checks the sizes.
  public LinearRow {
    requireNonNull(path, "path");
    checkArgument(out > 0 && in > 0, "%s: (%s, %s), expected at least (1, 1)", path, out, in);
  }

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
    return new Linear(weights.read(weight(), owner), hasBias ? weights.read(bias(), owner) : null);
  }
}
