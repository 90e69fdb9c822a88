package org.minillm.core.checkpoint;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.types.Shape;
import java.util.Arrays;

/**
 * What a checkpoint says of one tensor, its numbers aside.
 *
 * @param name for example {@code model.layers.0.mlp.down_proj.weight}
 * @param type of the stored elements
 * @param shape sizes of the axes, outermost first; no axes for a single number
 */
public record TensorInfo(String name, TensorType type, Shape shape) {

  // The size in bytes fits a long, so that nothing later needs to look for overflow.
  public TensorInfo {
    requireNonNull(name, "name");
    requireNonNull(type, "type");
    requireNonNull(shape, "shape");
    long bytes = type.bytes();
    for (long size : shape.getShape()) {
      checkArgument(size >= 0, "%s: shape %s has a negative size", name, shape);
      try {
        bytes = Math.multiplyExact(bytes, size);
      } catch (ArithmeticException e) {
        throw new IllegalArgumentException(
            name + ": shape " + shape + " of " + type + " is more than 2^63 bytes", e);
      }
    }
  }

  /**
   * Counts the elements.
   *
   * @return the product of the shape; 1 where there are no axes
   */
  public long elements() {
    return shape.size();
  }

  /**
   * Returns the stored size.
   *
   * @return bytes
   */
  public long bytes() {
    return elements() * type.bytes();
  }

  /** Spells the place of an element out, such as {@code [3, 17]}. */
  String place(long element) {
    long[] place = new long[shape.dimension()];
    long rest = element;
    for (int axis = place.length - 1; axis >= 0; axis--) {
      place[axis] = rest % shape.get(axis);
      rest /= shape.get(axis);
    }
    return Arrays.toString(place);
  }
}
