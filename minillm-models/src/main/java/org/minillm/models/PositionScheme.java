package org.minillm.models;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.List;
import org.minillm.core.model.LayerShape;
import org.minillm.core.model.Positions;
import org.minillm.core.model.TokenLayout;

/** How attention learns of positions. The tables of {@link Positions} are those of the scheme. */
interface PositionScheme {

  /** Attention knows only which tokens came before: positions were added to the embedding. */
  PositionScheme IN_THE_EMBEDDING = new PositionScheme() {};

  /** Makes the tables that all layers share. */
  default List<NDArray> tables(TokenLayout layout, NDManager owner) {
    return List.of();
  }

  /** Forecasts the bytes of the tables for some rows of one length. */
  default long tableBytes(long rows, long length) {
    return 0;
  }

  /** Returns this scheme for one layer; what it adds for the layer hangs on {@code owner}. */
  default PositionScheme inLayer(LayerShape shape, NDManager owner) {
    return this;
  }

  /** Turns queries or keys, (batch * heads, time, head_dim). */
  default NDArray turn(NDArray heads, Positions positions) {
    return heads;
  }

  /**
   * Adds to the scaled scores, in place.
   *
   * @param scores (batch * key-value heads, query heads a key-value head * time, time so far)
   * @return the same numbers in the same shape
   */
  default NDArray bias(NDArray scores, Positions positions) {
    return scores;
  }
}
