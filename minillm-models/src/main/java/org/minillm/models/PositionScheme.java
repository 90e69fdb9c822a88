package org.minillm.models;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.List;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.Positions;
import org.minillm.core.architecture.TokenLayout;

/** How attention learns of positions. The tables of {@link Positions} are those of the scheme. */
public interface PositionScheme {

  /** Attention knows only which tokens came before: positions were added to the embedding. */
  PositionScheme IN_THE_EMBEDDING = new PositionScheme() {};

  /**
   * Makes the tables that all layers share.
   *
   * @param layout where the tokens stand
   * @param owner where the tables hang
   * @return none, unless overridden
   */
  default List<NDArray> tables(TokenLayout layout, NDManager owner) {
    return List.of();
  }

  /**
   * Forecasts the tables.
   *
   * @param rows texts that go through a layer together
   * @param length tokens of each
   * @return bytes
   */
  default long tableBytes(long rows, long length) {
    return 0;
  }

  /**
   * Returns this scheme for one layer.
   *
   * @param shape of the layer
   * @param owner where hangs what it adds for the layer
   * @return this, unless overridden
   */
  default PositionScheme inLayer(LayerShape shape, NDManager owner) {
    return this;
  }

  /**
   * Turns queries or keys.
   *
   * @param heads FLOAT32, (batch * heads, time, head_dim)
   * @param positions whose tables are those of this scheme
   * @return of the same shape; {@code heads}, unless overridden
   */
  default NDArray turn(NDArray heads, Positions positions) {
    return heads;
  }

  /**
   * Adds to the scaled scores, in place.
   *
   * @param scores FLOAT32, (batch * key-value heads, query heads a key-value head * time, time so
   *     far)
   * @param positions whose tables are those of this scheme
   * @return the same numbers in the same shape
   */
  default NDArray bias(NDArray scores, Positions positions) {
    return scores;
  }
}
