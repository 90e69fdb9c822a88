package org.minillm.models;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import org.minillm.core.architecture.WeightSource;

/**
 * A norm as a row of a family's table: {@code path.weight} and {@code path.bias} are (size).
 *
 * @param path its module path
 * @param kind what it computes
 * @param size channels
 * @param epsilon added to the mean square or variance
 */
public record NormRow(String path, Kind kind, int size, double epsilon) {

  /** What a norm computes, and which of its tensors a checkpoint has. */
  public enum Kind {
    /** Root mean square layer normalisation (Zhang and Sennrich, arXiv 1910.07467). */
    RMS(true, false),
    /** Layer normalisation (Ba et al., arXiv 1607.06450). */
    LAYER(true, true),
    /** Layer normalisation without weights of its own. */
    PLAIN_LAYER(false, false);

    private final boolean weight;
    private final boolean bias;

    Kind(boolean weight, boolean bias) {
      this.weight = weight;
      this.bias = bias;
    }
  }

  // Checks the size.
  public NormRow {
    requireNonNull(path, "path");
    requireNonNull(kind, "kind");
    checkArgument(size > 0, "%s: %s channels, expected at least 1", path, size);
  }

  void addTensors(ImmutableMap.Builder<String, Shape> all) {
    if (kind.weight) {
      all.put(path + ".weight", new Shape(size));
    }
    if (kind.bias) {
      all.put(path + ".bias", new Shape(size));
    }
  }

  Norm open(WeightSource weights, NDManager owner) throws IOException {
    NDArray weight =
        kind.weight ? weights.read(path + ".weight", owner) : owner.ones(new Shape(size));
    if (kind == Kind.RMS) {
      return new RmsNorm(weight, (float) epsilon, owner);
    }
    NDArray bias = kind.bias ? weights.read(path + ".bias", owner) : owner.zeros(new Shape(size));
    return new LayerNorm(weight, bias, epsilon);
  }
}
