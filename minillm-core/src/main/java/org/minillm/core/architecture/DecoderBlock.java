package org.minillm.core.architecture;

import ai.djl.ndarray.NDArray;
import java.io.IOException;

/**
 * One decoder layer with its weights in memory. The weights belong to the manager it was opened on.
 */
public interface DecoderBlock {

  /**
   * Runs the layer.
   *
   * @param hidden FLOAT32, (batch, time, hidden_size)
   * @param positions what {@link Decoder#positions} made for the layout of this batch
   * @param cache keys and values of the tokens before; takes in those of these
   * @param tap asked for the input of every linear layer, told of every sublayer
   * @return the new residual stream, of the same shape, on the manager of {@code hidden}
   * @throws IOException if the tap cannot keep what it is told
   */
  NDArray forward(NDArray hidden, Positions positions, AttentionCache cache, BlockTap tap)
      throws IOException;
}
