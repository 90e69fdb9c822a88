package org.minillm.core.model;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDList;

/**
 * The tables that depend on the {@link TokenLayout} alone and that all layers share, such as the
 * causal mask and rotary angles. Made and read by one {@link Decoder}; opaque to everybody else.
 *
 * @param tables the arrays, in an order that the decoder knows
 */
public record Positions(NDList tables) {

  // Refuses nulls.
  public Positions {
    requireNonNull(tables, "tables");
  }
}
