package org.minillm.models;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Makes queries, keys and values of the residual stream. */
@FunctionalInterface
interface Projection {

  /** Projects (batch, time, hidden_size). */
  Projected apply(NDArray input);

  /**
   * What attention works on. Batch and heads are one axis, over which the engine multiplies
   * matrices without another step.
   *
   * @param queries (batch * query heads, time, head_dim), not to be shared: attention scales them
   * @param keys (batch * key-value heads, time, head_dim)
   * @param values as keys
   */
  record Projected(NDArray queries, NDArray keys, NDArray values) {}

  /**
   * Makes the projection of one fused layer, or of one layer each for queries, keys and values.
   *
   * @param layers one or three
   * @param headDim width of one head
   */
  static Projection of(ImmutableList<Linear> layers, int headDim) {
    return layers.size() == 1
        ? new Fused(layers.get(0), headDim)
        : new Separate(layers.get(0), layers.get(1), layers.get(2), null, null, headDim);
  }

  /**
   * Makes the projection of one layer each for queries, keys and values, with norms of each head.
   *
   * @param layers three
   * @param queryNorm of a head's query
   * @param keyNorm of a head's key
   * @param headDim width of one head
   */
  static Projection normed(
      ImmutableList<Linear> layers, Norm queryNorm, Norm keyNorm, int headDim) {
    return new Separate(layers.get(0), layers.get(1), layers.get(2), queryNorm, keyNorm, headDim);
  }

  /**
   * Tells which rows of the last layer make values.
   *
   * @param layers one or three
   * @param out rows of the last
   * @param headDim width of one head
   */
  static ImmutableIntArray valueRows(int layers, int out, int headDim) {
    IntStream rows = IntStream.range(0, out);
    return ImmutableIntArray.copyOf(
        layers == 1 ? rows.filter(row -> row / headDim % 3 == Fused.VALUE) : rows);
  }

  /** Three layers; heads are normed before they are moved. */
  record Separate(
      Linear query,
      Linear key,
      Linear value,
      @Nullable Norm queryNorm,
      @Nullable Norm keyNorm,
      int headDim)
      implements Projection {

    @Override
    public Projected apply(NDArray input) {
      return new Projected(
          split(query.apply(input), queryNorm),
          split(key.apply(input), keyNorm),
          split(value.apply(input), null));
    }

    /** Takes {@code projected} over: where heads have to be moved there is a copy of it. */
    private NDArray split(NDArray projected, @Nullable Norm norm) {
      try (projected) {
        Shape shape = projected.getShape();
        long batch = shape.get(0);
        long time = shape.get(1);
        long heads = shape.get(2) / headDim;
        NDArray apart = projected.reshape(batch, time, heads, headDim);
        NDArray normed = norm == null ? apart : norm.apply(apart);
        if (time == 1) {
          // as below, where nothing is to be moved: of a single token, small operations are the
          // price
          return normed.reshape(batch * heads, 1, headDim);
        }
        return normed.transpose(0, 2, 1, 3).reshape(batch * heads, time, headDim);
      }
    }
  }

  /** One layer whose rows are, head after head, the head's query, key and value. */
  record Fused(Linear layer, int headDim) implements Projection {

    /** Where the value stands among a head's three. */
    private static final int VALUE = 2;

    @Override
    public Projected apply(NDArray input) {
      try (NDArray projected = layer.apply(input)) {
        Shape shape = projected.getShape();
        long batch = shape.get(0);
        long time = shape.get(1);
        long heads = shape.get(2) / (3L * headDim);
        NDArray split =
            projected
                .reshape(batch, time, heads, 3, headDim)
                .transpose(3, 0, 2, 1, 4)
                .reshape(3, batch * heads, time, headDim);
        return new Projected(split.get(0), split.get(1), split.get(VALUE));
      }
    }
  }
}
