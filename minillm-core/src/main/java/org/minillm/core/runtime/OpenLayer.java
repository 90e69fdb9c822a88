package org.minillm.core.runtime;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import java.io.IOException;
import org.minillm.core.architecture.AttentionCache;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.DecoderBlock;
import org.minillm.core.architecture.Positions;
import org.minillm.core.architecture.WeightSource;
import org.minillm.core.architecture.WeightTransform;

/** A layer of a model at work, opened on weights that a transform may change. */
final class OpenLayer implements AutoCloseable {

  private final NDManager scratch;
  private final DecoderBlock block;

  /**
   * Opens a layer.
   *
   * @param model whose decoder computes
   * @param layer from 0
   * @param weights of the layer
   * @param transform what is done to them on their way
   * @param owner of what the layer makes for itself
   * @throws IOException if the layer cannot be read
   */
  OpenLayer(
      CausalLm model, int layer, WeightSource weights, WeightTransform transform, NDManager owner)
      throws IOException {
    scratch = owner.newSubManager();
    WeightSource transformed =
        (tensor, any) -> transform.apply(tensor, weights.read(tensor, any), scratch);
    block = model.decoder().block(layer, transformed, scratch);
  }

  /**
   * Runs the layer and frees all that it made on the way.
   *
   * @return a new array on the manager of {@code hidden}, which outlives any scope
   */
  NDArray forward(NDArray hidden, Positions positions, AttentionCache cache, BlockTap tap)
      throws IOException {
    try (NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDArray after = block.forward(hidden, positions, cache, tap);
      NDScope.unregister(after);
      return after;
    }
  }

  @Override
  public void close() {
    scratch.close();
  }
}
