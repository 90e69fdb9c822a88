package org.minillm.core.tensor;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import com.google.common.annotations.VisibleForTesting;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/**
 * The only way between the memory of arrays and Java. Where that memory is the host's, nothing is
 * copied: what is read is a view, and what is written is written in place. Where it is a device's,
 * what is read is a copy, and what was written goes back when the writer is done. Whoever keeps to
 * what is promised here is right on both:
 *
 * <ul>
 *   <li>What is read is of now: later changes of the array may or may not be seen. It must not be
 *       used after the array is closed.
 *   <li>What is written is in the array when the call returns, and the buffer is worth nothing
 *       after it.
 * </ul>
 *
 * <p>Arrays are contiguous, below 2 GiB, in row-major order.
 */
public final class HostMemory {

  /** Tests set it: the host's own memory is then treated as that of a device. */
  @VisibleForTesting static volatile boolean copiesAlways;

  private HostMemory() {}

  /**
   * Writes to the memory of an array.
   *
   * @param <B> how it sees the memory
   * @param <E> what it throws
   */
  @FunctionalInterface
  public interface Writing<B extends Buffer, E extends Exception> {

    /**
     * Does it.
     *
     * @param memory all of the array; worth nothing after the call
     * @throws E if there is nothing to be written
     */
    void write(B memory) throws E;
  }

  /**
   * Reads an array without a copy, if it can be.
   *
   * @param array FLOAT32
   * @return its elements, read-only
   * @throws IllegalArgumentException if the array has another type or is too large
   */
  public static FloatBuffer floats(NDArray array) {
    requireNonNull(array, "array");
    requireFloats(array);
    return floats(memory(array)).asReadOnlyBuffer();
  }

  /**
   * Reads an array without a copy, if it can be.
   *
   * @param array of any type
   * @return its bytes in the byte order of the machine, read-only
   * @throws IllegalArgumentException if the array is too large
   */
  public static ByteBuffer bytes(NDArray array) {
    requireNonNull(array, "array");
    requireSize(array);
    return memory(array).asReadOnlyBuffer().order(ByteOrder.nativeOrder());
  }

  /**
   * Copies an array, which need not be contiguous.
   *
   * @param array FLOAT32
   * @return its elements
   */
  public static float[] floatArray(NDArray array) {
    requireNonNull(array, "array");
    return array.toFloatArray();
  }

  /**
   * Copies an array, which need not be contiguous.
   *
   * @param array FLOAT64
   * @return its elements
   */
  public static double[] doubleArray(NDArray array) {
    requireNonNull(array, "array");
    return array.toDoubleArray();
  }

  /**
   * Writes all elements of an array, of which those before do not matter.
   *
   * @param array FLOAT32
   * @param writing puts every element
   * @param <E> what it throws
   * @throws E from the writing
   * @throws IllegalArgumentException if the array has another type or is too large
   */
  public static <E extends Exception> void fill(NDArray array, Writing<FloatBuffer, E> writing)
      throws E {
    requireNonNull(array, "array");
    requireNonNull(writing, "writing");
    requireFloats(array);
    write(array, false, bytes -> writing.write(floats(bytes)));
  }

  /**
   * Writes all bytes of an array, of which those before do not matter.
   *
   * @param array of any type
   * @param writing puts every byte, in the byte order of the machine
   * @param <E> what it throws
   * @throws E from the writing
   * @throws IllegalArgumentException if the array is too large
   */
  public static <E extends Exception> void fillBytes(NDArray array, Writing<ByteBuffer, E> writing)
      throws E {
    requireNonNull(array, "array");
    requireNonNull(writing, "writing");
    requireSize(array);
    write(array, false, writing);
  }

  /**
   * Changes some elements of an array.
   *
   * @param array FLOAT32
   * @param writing sees the elements, and puts those that change
   * @param <E> what it throws
   * @throws E from the writing
   * @throws IllegalArgumentException if the array has another type or is too large
   */
  public static <E extends Exception> void update(NDArray array, Writing<FloatBuffer, E> writing)
      throws E {
    requireNonNull(array, "array");
    requireNonNull(writing, "writing");
    requireFloats(array);
    write(array, true, bytes -> writing.write(floats(bytes)));
  }

  private static <E extends Exception> void write(
      NDArray array, boolean sees, Writing<ByteBuffer, E> writing) throws E {
    if (isOfHost(array)) {
      writing.write(memory(array));
      return;
    }
    ByteBuffer copy =
        ByteBuffer.allocateDirect(Math.toIntExact(bytesOf(array))).order(ByteOrder.nativeOrder());
    if (sees) {
      copy.put(0, memory(array), 0, copy.capacity());
    }
    writing.write(copy.duplicate().order(ByteOrder.nativeOrder()));
    array.set(copy);
  }

  /** All bytes of an array: its own, or where these are not the host's a copy of them. */
  private static ByteBuffer memory(NDArray array) {
    return array.toByteBuffer(isOfHost(array)).order(ByteOrder.nativeOrder());
  }

  private static FloatBuffer floats(ByteBuffer bytes) {
    return bytes.asFloatBuffer();
  }

  private static boolean isOfHost(NDArray array) {
    return !copiesAlways && !array.getDevice().isGpu();
  }

  private static long bytesOf(NDArray array) {
    return array.size() * array.getDataType().getNumOfBytes();
  }

  private static void requireFloats(NDArray array) {
    checkArgument(
        array.getDataType() == DataType.FLOAT32,
        "array %s of type %s, expected float32; widen it where it is read",
        array.getShape(),
        array.getDataType());
    requireSize(array);
  }

  private static void requireSize(NDArray array) {
    checkArgument(
        bytesOf(array) <= Integer.MAX_VALUE,
        "array %s takes %s bytes, expected less than 2 GiB; take it row range by row range",
        array.getShape(),
        bytesOf(array));
  }
}
