package org.minillm.models;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;
import org.minillm.core.model.AttentionCache;
import org.minillm.core.model.InputTap;
import org.minillm.core.model.Positions;
import org.minillm.core.model.TokenLayout;

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

  /** The table of {@link Positions} that {@link #mask} makes. */
  private static final int MASK = 0;

  /** 0 where a token may look, minus infinity elsewhere: (rows, 1, 1, length, before + length). */
  static NDArray mask(TokenLayout layout, NDManager owner) {
    int length = layout.length();
    int columns = layout.before() + length;
    float[] mask = new float[layout.rows() * length * columns];
    int at = 0;
    for (int row = 0; row < layout.rows(); row++) {
      for (int step = 0; step < length; step++) {
        for (int key = 0; key < columns; key++) {
          mask[at++] = layout.sees(row, step, key) ? 0 : Float.NEGATIVE_INFINITY;
        }
      }
    }
    return owner.create(mask, new Shape(layout.rows(), 1, 1, length, columns));
  }

  NDArray forward(NDArray input, Positions positions, AttentionCache cache, InputTap tap) {
    NDArray read = tap.through(inputPoint, input);
    Projection.Projected projected = projection.apply(read);
    NDList all = cache.append(scheme.turn(projected.keys(), positions), projected.values());
    NDArray queries = scheme.turn(projected.queries(), positions);
    NDArray heads = attendInTiles(queries, all.get(0), all.get(1), positions);
    return output.apply(tap.through(outputPoint, heads));
  }

  /**
   * Attends with as many queries at a time as the bound on scores allows, at least with one. A tile
   * sees all keys, so that its softmax is the whole one.
   */
  private NDArray attendInTiles(
      NDArray queries, NDArray keys, NDArray values, Positions positions) {
    Shape shape = queries.getShape();
    long time = shape.get(2);
    long bytesPerQuery = shape.get(0) * shape.get(1) * keys.getShape().get(2) * Float.BYTES;
    long perTile = Math.max(1, scoreBytes / bytesPerQuery);
    NDArray mask = positions.tables().get(MASK);
    if (time <= perTile) {
      return attend(queries, keys, values, mask, positions);
    }
    try (NDList tiles = new NDList()) {
      for (long from = 0; from < time; from += perTile) {
        String range = from + ":" + Math.min(time, from + perTile);
        // the scores of a tile go before those of the next are made
        try (NDScope scope = new NDScope()) {
          scope.suppressNotUsedWarning();
          NDArray tile =
              attend(
                  queries.get(":, :, " + range),
                  keys,
                  values,
                  mask.get(":, :, :, " + range),
                  positions);
          NDScope.unregister(tile);
          tiles.add(tile);
        }
      }
      return NDArrays.concat(tiles, 1);
    }
  }

  /**
   * Attends. The query heads of one key-value head are stacked along time, so that keys and values
   * are never repeated. Queries are scaled rather than scores: there are fewer of them.
   *
   * @param queries (batch, query heads, time, headDim)
   * @param keys (batch, key-value heads, time so far, headDim)
   * @param values as keys
   * @param mask of these queries
   * @return (batch, time, query heads * headDim)
   */
  private NDArray attend(
      NDArray queries, NDArray keys, NDArray values, NDArray mask, Positions positions) {
    Shape shape = queries.getShape();
    long batch = shape.get(0);
    long heads = shape.get(1);
    long time = shape.get(2);
    long headDim = shape.get(3);
    long keyValueHeads = keys.getShape().get(1);
    long timeSoFar = keys.getShape().get(2);
    long perKeyValue = heads / keyValueHeads;
    NDArray stacked = queries.reshape(batch, keyValueHeads, perKeyValue * time, headDim);
    NDArray scores =
        stacked
            .mul(scale)
            .matMul(keys.transpose(0, 1, 3, 2))
            .reshape(batch, keyValueHeads, perKeyValue, time, timeSoFar);
    NDArray probabilities =
        scheme
            .bias(scores, positions)
            .addi(mask)
            .softmax(-1)
            .reshape(batch, keyValueHeads, perKeyValue * time, timeSoFar);
    return probabilities
        .matMul(values)
        .reshape(batch, heads, time, headDim)
        .transpose(0, 2, 1, 3)
        .reshape(batch, time, heads * headDim);
  }
}
