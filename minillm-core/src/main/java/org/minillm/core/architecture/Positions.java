package org.minillm.core.architecture;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import org.jspecify.annotations.Nullable;

/**
 * What depends on the {@link TokenLayout} alone and is the same for all layers, such as the causal
 * mask and rotary angles. Made and read by one {@link Decoder}; opaque to everybody else.
 *
 * @param layout where the tokens stand and what they see
 * @param mask the causal mask; null where it is so large that it is made in parts
 * @param tables further arrays, in an order that the decoder knows
 */
public record Positions(TokenLayout layout, @Nullable NDArray mask, NDList tables) {

  // Refuses nulls.
  public Positions {
    requireNonNull(layout, "layout");
    requireNonNull(tables, "tables");
  }
}
