package org.minillm.core.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.util.OptionalLong;

/** Looks for numbers that are NaN or infinite in float32, which is what is computed with. */
final class FiniteScan {

  private static final int EXPONENT = 0x7f800000;
  private static final int LOWEST_OF_EXPONENT = 0x00800000;

  /** Of the smallest readable type. */
  private final IntBuffer wide = IntBuffer.allocate(TransferBuffers.BYTES / Short.BYTES);

  /**
   * Finds the first one of a tensor.
   *
   * @return its index in row-major order; empty where all are finite
   */
  OptionalLong first(StoredTensor tensor, TransferBuffers buffers) throws IOException {
    TensorType type = tensor.info().type();
    long end = tensor.info().bytes();
    ByteBuffer buffer = buffers.take();
    try {
      for (long at = 0; at < end; at += buffer.limit()) {
        buffer.clear().limit((int) Math.min(buffer.capacity(), end - at));
        tensor.read(buffer, at);
        int found = first(type, buffer.flip());
        if (found >= 0) {
          return OptionalLong.of(at / type.bytes() + found);
        }
      }
      return OptionalLong.empty();
    } finally {
      buffers.give(buffer);
    }
  }

  /**
   * Finds the first one of a few.
   *
   * @param elements whole elements, little-endian, at most {@link TransferBuffers#BYTES}; left as
   *     they are
   * @return its index; -1 where all are finite
   */
  int first(TensorType type, ByteBuffer elements) {
    Widening.widen(type, elements, wide.clear());
    int[] bits = wide.array();
    int count = wide.position();
    // without a branch, so that the loop is vectorised: only an exponent of ones carries into the
    // sign
    int carries = 0;
    for (int i = 0; i < count; i++) {
      carries |= (bits[i] & EXPONENT) + LOWEST_OF_EXPONENT;
    }
    for (int i = 0; carries < 0 && i < count; i++) {
      if ((bits[i] & EXPONENT) == EXPONENT) {
        return i;
      }
    }
    return -1;
  }
}
