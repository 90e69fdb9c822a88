package org.minillm.core.model;

import ai.djl.ndarray.NDArray;

/**
 * Watches, or changes, the inputs of the linear layers of a block. Linear layers that read the same
 * activations share one tap point, named after the module path of the first of them: in a LLaMA
 * block {@code model.layers.3.self_attn.q_proj} (read by q, k and v), {@code ….self_attn.o_proj},
 * {@code ….mlp.gate_proj} (gate and up) and {@code ….mlp.down_proj}. Also shown the residual stream
 * around each sublayer.
 */
@FunctionalInterface
public interface InputTap {

  /** Watches nothing. */
  InputTap NONE = (point, input) -> {};

  /**
   * Shown an input; where nothing is put in its place, that is all a tap does.
   *
   * @param point the tap point
   * @param input FLOAT32, (batch, time, channels); owned by the caller and gone after the call
   */
  void accept(String point, NDArray input);

  /**
   * Called once a tap point and batch, in the order of the computation, by the block itself: what
   * comes back is what the linear layers read.
   *
   * @param point the tap point
   * @param input as {@link #accept} is shown it
   * @return {@code input} itself, or a new array of the same shape on the manager of {@code input}
   */
  default NDArray through(String point, NDArray input) {
    accept(point, input);
    return input;
  }

  /**
   * Called before a sublayer (attention, then the MLP) is computed.
   *
   * @param stream FLOAT32, (batch, time, hidden_size): what the sublayer's output will be added to;
   *     owned by the caller and gone after the call
   */
  default void before(NDArray stream) {}

  /**
   * Called when a sublayer's output was added.
   *
   * @param sum FLOAT32, (batch, time, hidden_size): the stream and the output, before any norm that
   *     may follow; owned by the caller and gone after the call
   */
  default void after(NDArray sum) {}

  /**
   * Called when a walk has taken a micro-batch through the block.
   *
   * @param stream FLOAT32, (batch, time, hidden_size): what the next block reads; where no norm
   *     follows it is the very array that {@link #after} was shown last
   */
  default void done(NDArray stream) {}
}
