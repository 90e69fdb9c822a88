package org.minillm.core.runtime;

import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Goes through layers from the first to the last. While somebody computes with one, the weights of
 * the next are read and widened on another thread, where the memory budget has room for them: one
 * layer ahead, never more. What is computed is the same.
 */
final class LayerWalk implements AutoCloseable {

  private final int end;
  private final boolean readsAhead;
  private final IntFunction<LayerWeights> layers;
  private int at;
  private @Nullable LayerWeights ahead;

  /**
   * Begins a walk.
   *
   * @param first the first layer
   * @param end the layer after the last
   * @param readsAhead whether there is memory for a second layer
   * @param layers opens a layer
   */
  LayerWalk(int first, int end, boolean readsAhead, IntFunction<LayerWeights> layers) {
    this.at = first;
    this.end = end;
    this.readsAhead = readsAhead;
    this.layers = layers;
  }

  /**
   * Goes on to the next layer.
   *
   * @return its weights, the caller's to close; an error in reading them ahead is thrown where they
   *     are asked for
   */
  LayerWeights next() {
    LayerWeights present = ahead == null ? layers.apply(at) : ahead;
    ahead = null;
    at++;
    if (readsAhead && at < end) {
      ahead = layers.apply(at);
      ahead.readAhead();
    }
    return present;
  }

  /** Waits for what is being read, and frees it unless it stays in memory. */
  @Override
  public void close() {
    if (ahead != null) {
      ahead.close();
      ahead = null;
    }
  }
}
