package org.minillm.models;

import ai.djl.ndarray.NDArray;
import ai.djl.nn.Activation;
import org.minillm.core.model.DecoderBlock;
import org.minillm.core.model.InputTap;
import org.minillm.core.model.Positions;

/** One LLaMA layer: attention and a gated MLP, each after a norm and added to the stream. */
record LlamaBlock(
    LlamaDecoder.LayerNames names,
    RmsNorm inputNorm,
    Linear query,
    Linear key,
    Linear value,
    Linear output,
    RmsNorm postAttentionNorm,
    Linear gate,
    Linear up,
    Linear down,
    int headDim)
    implements DecoderBlock {

  @Override
  public NDArray forward(NDArray hidden, Positions positions, InputTap tap) {
    NDArray attended = hidden.add(attention(hidden, positions, tap));
    return attended.addi(mlp(attended, tap));
  }

  private NDArray attention(NDArray hidden, Positions positions, InputTap tap) {
    NDArray mask = positions.tables().get(0);
    NDArray cosines = positions.tables().get(1);
    NDArray signedSines = positions.tables().get(2);
    NDArray normed = inputNorm.apply(hidden);
    tap.accept(names.attentionInput(), normed);
    NDArray queries = CausalAttention.split(query.apply(normed), headDim);
    NDArray keys = CausalAttention.split(key.apply(normed), headDim);
    NDArray values = CausalAttention.split(value.apply(normed), headDim);
    NDArray heads =
        CausalAttention.attend(
            Rotary.rotate(queries, cosines, signedSines),
            Rotary.rotate(keys, cosines, signedSines),
            values,
            mask);
    tap.accept(names.output(), heads);
    return output.apply(heads);
  }

  private NDArray mlp(NDArray attended, InputTap tap) {
    NDArray normed = postAttentionNorm.apply(attended);
    tap.accept(names.mlpInput(), normed);
    NDArray gated = Activation.swish(gate.apply(normed), 1).muli(up.apply(normed));
    tap.accept(names.down(), gated);
    return down.apply(gated);
  }
}
