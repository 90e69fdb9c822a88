package org.minillm.core.architecture;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import com.google.common.collect.ImmutableMap;
import java.io.IOException;

/**
 * Watches, or changes, what the linear layers of a block read. Linear layers that read the same
 * activations share one tap point, named after the module path of the first of them: in a LLaMA
 * block {@code model.layers.3.self_attn.q_proj} (read by q, k and v), {@code ….self_attn.o_proj},
 * {@code ….mlp.gate_proj} (gate and up) and {@code ….mlp.down_proj}.
 */
public interface BlockTap {

  /** Watches nothing and changes nothing. */
  BlockTap NONE = new BlockTap() {};

  /**
   * Called once a tap point, in the order of the computation: what comes back is what the linear
   * layers read.
   *
   * @param point the tap point
   * @param input FLOAT32, (batch, time, channels); owned by the block and gone after it
   * @return {@code input} itself, unless overridden, or a new array of the same shape on its
   *     manager
   */
  default NDArray read(String point, NDArray input) {
    return input;
  }

  /**
   * Called when a sublayer (attention, then the MLP) is done.
   *
   * @param done what was computed
   * @throws IOException if what is kept of it cannot be written
   */
  default void sublayer(Sublayer done) throws IOException {}

  /**
   * A sublayer that was computed. Its arrays are owned by the block and gone after it.
   *
   * @param before FLOAT32, (batch, time, hidden_size): the stream that its output was added to
   * @param inputs what its linear layers read, by tap point, in the order of the computation; the
   *     last is that of the consumer
   * @param after FLOAT32, (batch, time, hidden_size): the stream and the output, before any norm
   *     that may follow
   * @param last whether {@code after} is what the next block reads
   */
  record Sublayer(
      NDArray before, ImmutableMap<String, NDArray> inputs, NDArray after, boolean last) {

    // Refuses nulls.
    public Sublayer {
      requireNonNull(before, "before");
      requireNonNull(inputs, "inputs");
      requireNonNull(after, "after");
    }
  }
}
