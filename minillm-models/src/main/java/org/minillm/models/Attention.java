package org.minillm.models;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.common.math.LongMath;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.AttentionCache;
import org.minillm.core.architecture.Positions;
import org.minillm.core.architecture.TokenLayout;
import org.minillm.core.tensor.HostMemory;

/**
 * Scaled dot-product attention with a causal mask, for multi-head and grouped-query attention.
 *
 * @param inputPoint tap point of the projections
 * @param outputPoint tap point of the output
 * @param projection makes queries, keys and values
 * @param output from all heads back to the residual stream
 * @param scheme how positions enter
 * @param scale of the queries, 1 / sqrt(head_dim), an array since the engine would make one of it
 *     for every call
 * @param scoreBytes that the scores may take at once; more queries go in tiles
 */
record Attention(
    String inputPoint,
    String outputPoint,
    Projection projection,
    Linear output,
    PositionScheme scheme,
    NDArray scale,
    long scoreBytes) {

  /**
   * A micro-batch of LLaMA-7B with windows of 512 tokens still goes in one piece; a window of 2,048
   * goes in eight instead of taking 537 MB. A constant: a memory budget changes no result, and in
   * tiles the products may be rounded in another order.
   */
  static final long SCORE_BYTES = 64L << 20;

  /** A larger mask is made anew for every tile, one tile at a time. */
  private static final long MASK_BYTES = 16L << 20;

  /** The mask of all queries of a layout, for all layers; null where it would be too large. */
  static @Nullable NDArray sharedMask(TokenLayout layout, NDManager owner) {
    int length = layout.length();
    return isShared(layout.rows(), length, (long) layout.before() + length)
        ? mask(layout, 0, length, owner)
        : null;
  }

  /**
   * 0 where a token may look, minus infinity elsewhere, for the queries from {@code first} to
   * {@code end}: (rows, 1, 1, end - first, before + length).
   */
  private static NDArray mask(TokenLayout layout, int first, int end, NDManager owner) {
    int columns = layout.before() + layout.length();
    NDArray mask =
        owner.create(new Shape(layout.rows(), 1, 1, end - first, columns), DataType.FLOAT32);
    float[] line = new float[columns];
    HostMemory.fill(
        mask,
        target -> {
          for (int row = 0; row < layout.rows(); row++) {
            for (int step = first; step < end; step++) {
              int own = layout.before() + step;
              for (int key = 0; key <= own; key++) {
                line[key] = layout.sees(row, step, key) ? 0 : Float.NEGATIVE_INFINITY;
              }
              Arrays.fill(line, own + 1, columns, Float.NEGATIVE_INFINITY);
              target.put(line);
            }
          }
        });
    return mask;
  }

  /** Forecasts {@link #sharedMask}. */
  static long bytesOfSharedMask(long rows, long length) {
    return isShared(rows, length, length) ? bytesOfMask(rows, length, length) : 0;
  }

  /**
   * Forecasts the scores of a layer, before and after the softmax, and their mask if it is not
   * shared.
   *
   * @param rows texts that run together
   * @param length tokens of each
   * @param heads query heads
   */
  static long bytes(long rows, long length, long heads) {
    long ofAQuery = Math.max(1, rows * heads * length * Float.BYTES);
    long queries = Math.min(length, Math.max(1, SCORE_BYTES / ofAQuery));
    return 2 * queries * ofAQuery
        + (isShared(rows, length, length) ? 0 : bytesOfMask(rows, queries, length));
  }

  private static boolean isShared(long rows, long queries, long keys) {
    return bytesOfMask(rows, queries, keys) <= MASK_BYTES;
  }

  private static long bytesOfMask(long rows, long queries, long keys) {
    return LongMath.saturatedMultiply(rows * queries, keys * Float.BYTES);
  }

  NDArray forward(NDArray input, Positions positions, AttentionCache cache, SublayerInputs inputs) {
    NDArray read = inputs.at(inputPoint, input);
    Projection.Projected projected = projection.apply(read);
    NDList all = cache.append(scheme.turn(projected.keys(), positions), projected.values());
    // queries rather than scores are scaled: there are fewer of them
    NDArray queries = scheme.turn(projected.queries(), positions).muli(scale);
    NDArray heads =
        attendInTiles(queries, all.get(0), all.get(1), positions, input.getShape().get(0));
    return output.apply(inputs.at(outputPoint, heads));
  }

  /**
   * Attends with as many queries at a time as the bound on scores allows, at least with one. A tile
   * sees all keys, so that its softmax is the whole one.
   */
  private NDArray attendInTiles(
      NDArray queries, NDArray keys, NDArray values, Positions positions, long batch) {
    Shape shape = queries.getShape();
    long time = shape.get(1);
    if (time == 1) {
      // a token by itself sees all that came before it
      return attend(queries, keys, values, null, positions, batch);
    }
    long bytesPerQuery = shape.get(0) * keys.getShape().get(1) * Float.BYTES;
    long perTile = Math.max(1, scoreBytes / bytesPerQuery);
    if (time <= perTile) {
      return attend(queries, keys, values, mask(positions, 0, time, queries), positions, batch);
    }
    try (NDList tiles = new NDList()) {
      for (long from = 0; from < time; from += perTile) {
        long to = Math.min(time, from + perTile);
        // the scores of a tile go before those of the next are made
        try (NDScope scope = new NDScope()) {
          scope.suppressNotUsedWarning();
          NDArray tile =
              attend(
                  queries.get(":, " + from + ":" + to),
                  keys,
                  values,
                  mask(positions, from, to, queries),
                  positions,
                  batch);
          NDScope.unregister(tile);
          tiles.add(tile);
        }
      }
      return NDArrays.concat(tiles, 1);
    }
  }

  private static NDArray mask(Positions positions, long from, long to, NDArray queries) {
    NDArray shared = positions.mask();
    if (shared == null) {
      return mask(
          positions.layout(), Math.toIntExact(from), Math.toIntExact(to), queries.getManager());
    }
    return to - from == positions.layout().length()
        ? shared
        : shared.get(":, :, :, " + from + ":" + to);
  }

  /**
   * Attends. The query heads of one key-value head are stacked along time, so that keys and values
   * are never repeated.
   *
   * @param queries (batch * query heads, time, headDim), scaled
   * @param keys (batch * key-value heads, time so far, headDim)
   * @param values as keys
   * @param mask of these queries; null where they see all keys
   * @param batch of the queries
   * @return (batch, time, query heads * headDim)
   */
  private NDArray attend(
      NDArray queries,
      NDArray keys,
      NDArray values,
      @Nullable NDArray mask,
      Positions positions,
      long batch) {
    Shape shape = queries.getShape();
    long heads = shape.get(0) / batch;
    long time = shape.get(1);
    long headDim = shape.get(2);
    long rows = keys.getShape().get(0);
    long stacked = shape.get(0) / rows * time;
    NDArray scores =
        scheme.bias(
            queries.reshape(rows, stacked, headDim).batchMatMul(keys.swapAxes(1, 2)), positions);
    if (mask != null) {
      Shape flat = scores.getShape();
      scores =
          scores
              .reshape(batch, rows / batch, stacked / time, time, flat.get(2))
              .addi(mask)
              .reshape(flat);
    }
    NDArray attended = scores.softmax(-1).batchMatMul(values);
    return time == 1
        ? attended.reshape(batch, 1, heads * headDim)
        : attended
            .reshape(batch, heads, time, headDim)
            .transpose(0, 2, 1, 3)
            .reshape(batch, time, heads * headDim);
  }
}
