package org.minillm.models;

import ai.djl.ndarray.NDArray;
import java.io.IOException;
import org.minillm.core.architecture.AttentionCache;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.DecoderBlock;
import org.minillm.core.architecture.Positions;

/** One layer of any family: attention and an MLP, each with a norm and added to the stream. */
record TransformerBlock(
    NormPlacement placement, Norm attentionNorm, Attention attention, Norm mlpNorm, Mlp mlp)
    implements DecoderBlock {

  @Override
  public NDArray forward(NDArray hidden, Positions positions, AttentionCache cache, BlockTap tap)
      throws IOException {
    NDArray attended =
        placement.run(
            hidden,
            attentionNorm,
            new SublayerInputs(tap),
            false,
            (input, inputs) -> attention.forward(input, positions, cache, inputs));
    return placement.run(attended, mlpNorm, new SublayerInputs(tap), true, mlp::forward);
  }
}
