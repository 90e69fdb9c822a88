package org.minillm.core.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The elements of a tensor that is a view of a storage, in row-major order. */
final class StridedBytes implements StoredTensor.Bytes {

  /** What is read at once of a row whose elements do not lie together. */
  private static final int SPAN_BYTES = 1 << 16;

  private final PositionedFile file;
  private final PytorchTensors.Storage storage;
  private final int elementBytes;
  private final long first;
  private final long[] sizes;
  private final long[] strides;

  /** Elements that lie together: the innermost axes, as far as they are contiguous. */
  private final long run;

  /** The axes outside of a run. */
  private final int outerAxes;

  /**
   * Describes a view.
   *
   * @param first element of the storage
   * @param sizes of the axes, outermost first
   * @param strides of the axes, in elements
   */
  StridedBytes(
      PositionedFile file,
      PytorchTensors.Storage storage,
      TensorType type,
      long first,
      long[] sizes,
      long[] strides) {
    this.file = file;
    this.storage = storage;
    this.elementBytes = type.bytes();
    this.first = first;
    this.sizes = sizes;
    this.strides = strides;
    long together = 1;
    int axis = sizes.length;
    while (axis > 0 && (strides[axis - 1] == together || sizes[axis - 1] == 1)) {
      axis--;
      together *= sizes[axis];
    }
    this.run = together;
    this.outerAxes = axis;
  }

  boolean isWithinStorage() {
    try {
      long last = first;
      for (int axis = 0; axis < sizes.length; axis++) {
        if (sizes[axis] == 0) {
          return true;
        }
        last = Math.addExact(last, Math.multiplyExact(sizes[axis] - 1, strides[axis]));
      }
      return first >= 0 && Math.multiplyExact(last + 1, elementBytes) <= storage.bytes();
    } catch (ArithmeticException e) {
      return false;
    }
  }

  @Override
  public void read(ByteBuffer into, long offset) throws IOException {
    int end = into.limit();
    long element = offset / elementBytes;
    while (into.position() < end) {
      long within = element % run;
      long count = Math.min(run - within, (end - into.position()) / elementBytes);
      if (run == 1 && outerAxes > 0) {
        count = readSpread(into, element, end);
      } else {
        into.limit(into.position() + (int) (count * elementBytes));
        file.read(into, position(place(element / run) + within));
        into.limit(end);
      }
      element += count;
    }
  }

  /** Reads along the innermost axis where its elements lie apart. */
  private long readSpread(ByteBuffer into, long element, int end) throws IOException {
    int inner = outerAxes - 1;
    long stride = strides[inner];
    long left = sizes[inner] - element % sizes[inner];
    long wanted = Math.min(left, (end - into.position()) / elementBytes);
    long inSpan = stride == 0 ? wanted : Math.max(1, SPAN_BYTES / elementBytes / stride);
    long count = Math.min(wanted, inSpan);
    ByteBuffer span = ByteBuffer.allocate((int) (((count - 1) * stride + 1) * elementBytes));
    file.read(span, position(place(element)));
    for (long i = 0; i < count; i++) {
      into.put(span.array(), (int) (i * stride * elementBytes), elementBytes);
    }
    return count;
  }

  /** Finds where the n-th combination of indices of the outer axes begins. */
  private long place(long n) {
    long rest = n;
    long place = first;
    for (int axis = outerAxes - 1; axis >= 0; axis--) {
      place += rest % sizes[axis] * strides[axis];
      rest /= sizes[axis];
    }
    return place;
  }

  /** Two views that are the same need not be read to know it. */
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof StridedBytes view
        && file == view.file
        && storage.equals(view.storage)
        && elementBytes == view.elementBytes
        && first == view.first
        && Arrays.equals(sizes, view.sizes)
        && Arrays.equals(strides, view.strides);
  }

  @Override
  public int hashCode() {
    return Objects.hash(storage, first);
  }

  private long position(long element) {
    return storage.position() + element * elementBytes;
  }
}
