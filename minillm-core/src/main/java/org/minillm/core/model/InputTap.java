package org.minillm.core.model;

import ai.djl.ndarray.NDArray;

/**
 * Watches the inputs of the linear layers of a block. Linear layers that read the same activations
 * share one tap point, named after the module path of the first of them: in a LLaMA block {@code
 * model.layers.3.self_attn.q_proj} (read by q, k and v), {@code ….self_attn.o_proj}, {@code
 * ….mlp.gate_proj} (gate and up) and {@code ….mlp.down_proj}.
 */
@FunctionalInterface
public interface InputTap {

  /** Watches nothing. */
  InputTap NONE = (point, input) -> {};

  /**
   * Called once a tap point and batch, in the order of the computation.
   *
   * @param point the tap point
   * @param input FLOAT32, (batch, time, channels); owned by the caller and gone after the call
   */
  void accept(String point, NDArray input);
}
