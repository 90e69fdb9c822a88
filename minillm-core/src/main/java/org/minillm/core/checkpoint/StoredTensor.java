package org.minillm.core.checkpoint;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/**
 * A tensor of a checkpoint and how its numbers are read.
 *
 * @param info what it is
 * @param file in which file it stands, for messages
 * @param bytes reads its elements in row-major order, little-endian, in the type of {@code info}
 */
public record StoredTensor(TensorInfo info, Path file, Bytes bytes) {

  /** Reads the numbers of a tensor by position. Safe for use by several threads. */
  @FunctionalInterface
  public interface Bytes {

    /**
     * Fills what remains of a buffer.
     *
     * @param into filled to its limit; whole elements
     * @param offset of the first byte, from the start of the tensor; a whole number of elements
     * @throws IOException if the file cannot be read
     */
    void read(ByteBuffer into, long offset) throws IOException;
  }

  // Refuses nulls.
  public StoredTensor {
    requireNonNull(info, "info");
    requireNonNull(file, "file");
    requireNonNull(bytes, "bytes");
  }

  /**
   * Describes a tensor that stands in a file as it is.
   *
   * @param info what it is
   * @param file which file
   * @param position of the first byte in the file
   * @return the tensor
   */
  public static StoredTensor at(TensorInfo info, PositionedFile file, long position) {
    requireNonNull(file, "file");
    return new StoredTensor(
        info, file.path(), (into, offset) -> file.read(into, position + offset));
  }

  /** Fills what remains of the buffer with the tensor's bytes from {@code offset} on. */
  void read(ByteBuffer into, long offset) throws IOException {
    bytes.read(into, offset);
  }
}
