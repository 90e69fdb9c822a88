package org.minillm.core.checkpoint;

import static com.google.common.base.Preconditions.checkArgument;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import org.minillm.core.tensor.HostMemory;

/** Reads parts of a tensor, widened to float32, into the native memory of new arrays. */
final class ArrayReader {

  /** Writes the bits of float32 values. */
  private interface Filling {
    void fill(IntBuffer target) throws IOException;
  }

  private final StoredTensor tensor;
  private final TransferBuffers buffers;

  ArrayReader(StoredTensor tensor, TransferBuffers buffers) {
    this.tensor = tensor;
    this.buffers = buffers;
  }

  NDArray all(NDManager owner) throws IOException {
    TensorInfo info = tensor.info();
    return array(info.shape(), owner, target -> widen(0, info.elements(), target));
  }

  NDArray rows(long from, long to, NDManager owner) throws IOException {
    long rows = rows();
    checkArgument(
        0 <= from && from <= to && to <= rows,
        "%s: rows %s to %s, expected a range within its %s rows",
        tensor.info().name(),
        from,
        to,
        rows);
    long width = rowElements();
    return array(rowShape(to - from), owner, target -> widen(from * width, to * width, target));
  }

  NDArray rows(int[] chosen, NDManager owner) throws IOException {
    long rows = rows();
    for (int row : chosen) {
      checkArgument(
          0 <= row && row < rows,
          "%s: row %s, expected 0 to %s",
          tensor.info().name(),
          row,
          rows - 1);
    }
    long width = rowElements();
    return array(
        rowShape(chosen.length),
        owner,
        target -> {
          for (int row : chosen) {
            widen(row * width, (row + 1L) * width, target);
          }
        });
  }

  private long rows() {
    TensorInfo info = tensor.info();
    checkArgument(info.shape().dimension() > 0, "%s: a single number has no rows", info.name());
    return info.shape().get(0);
  }

  private long rowElements() {
    return tensor.info().shape().slice(1).size();
  }

  private Shape rowShape(long rows) {
    long[] shape = tensor.info().shape().getShape().clone();
    shape[0] = rows;
    return new Shape(shape);
  }

  private NDArray array(Shape shape, NDManager owner, Filling filling) throws IOException {
    // A byte buffer, which the array is filled through, counts in int.
    checkArgument(
        shape.size() <= Integer.MAX_VALUE / Float.BYTES,
        "%s: %s in float32 takes 2 GiB or more; read it in parts, by rows",
        tensor.info().name(),
        shape);
    NDArray array = owner.create(shape, DataType.FLOAT32);
    try {
      if (shape.size() > 0) {
        HostMemory.fillBytes(array, bytes -> filling.fill(bytes.asIntBuffer()));
      }
    } catch (IOException | RuntimeException e) {
      array.close();
      throw e;
    }
    return array;
  }

  private void widen(long from, long to, IntBuffer target) throws IOException {
    TensorType type = tensor.info().type();
    long end = to * type.bytes();
    ByteBuffer buffer = buffers.take();
    try {
      for (long at = from * type.bytes(); at < end; at += buffer.limit()) {
        buffer.clear().limit((int) Math.min(buffer.capacity(), end - at));
        tensor.read(buffer, at);
        Widening.widen(type, buffer.flip(), target);
      }
    } finally {
      buffers.give(buffer);
    }
  }
}
