package org.minillm.core.model;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/** Gives Java the numbers of a float32 array without a copy. */
public final class FloatView {

  private FloatView() {}

  /**
   * Returns a window on the memory of an array. It holds no claim on that memory: it must not be
   * used after the array is closed.
   *
   * @param array FLOAT32 on the CPU, contiguous, below 2 GiB
   * @return its elements in row-major order; what is put there is in the array
   * @throws IllegalArgumentException if the array has another type or is too large
   */
  public static FloatBuffer of(NDArray array) {
    requireNonNull(array, "array");
    checkArgument(
        array.getDataType() == DataType.FLOAT32,
        "array %s of type %s, expected float32; widen it where it is read",
        array.getShape(),
        array.getDataType());
    checkArgument(
        array.size() <= Integer.MAX_VALUE / Float.BYTES,
        "array %s takes %s bytes, expected less than 2 GiB; take it row range by row range",
        array.getShape(),
        array.size() * Float.BYTES);
    return array.toByteBuffer(true).order(ByteOrder.nativeOrder()).asFloatBuffer();
  }
}
