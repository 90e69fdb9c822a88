package org.minillm.models;

import ai.djl.ndarray.NDArray;
import org.minillm.core.model.AttentionCache;
import org.minillm.core.model.DecoderBlock;
import org.minillm.core.model.InputTap;
import org.minillm.core.model.Positions;

/** One layer of any family: attention and an MLP, each with a norm and added to the stream. */
record TransformerBlock(
    NormPlacement placement, Norm attentionNorm, Attention attention, Norm mlpNorm, Mlp mlp)
    implements DecoderBlock {

  @Override
  public NDArray forward(NDArray hidden, Positions positions, AttentionCache cache, InputTap tap) {
    NDArray attended =
        placement.run(
            hidden, attentionNorm, tap, input -> attention.forward(input, positions, cache, tap));
    return placement.run(attended, mlpNorm, tap, input -> mlp.forward(input, tap));
  }
}
