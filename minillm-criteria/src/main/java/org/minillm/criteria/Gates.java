package org.minillm.criteria;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import org.minillm.core.architecture.PruningGroup;

/** The arithmetic of gates: one factor a window and unit, on what a unit hands to its consumer. */
final class Gates {

  private Gates() {}

  /** The shape of the gates of some windows, to be multiplied with {@link #apply}. */
  static Shape shape(long windows, PruningGroup group) {
    return new Shape(windows, 1, group.units(), 1);
  }

  /**
   * Multiplies what the consumer reads.
   *
   * @param input (windows, time, columns of the consumer)
   * @param gates (windows, 1, units, 1)
   * @return a new array of the shape of {@code input}
   */
  static NDArray apply(NDArray input, NDArray gates, PruningGroup group) {
    Shape shape = input.getShape();
    return input
        .reshape(shape.get(0), shape.get(1), group.units(), group.consumer().width())
        .mul(gates)
        .reshape(shape);
  }
}
