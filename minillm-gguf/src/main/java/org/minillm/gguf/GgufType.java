package org.minillm.gguf;

import static com.google.common.base.Preconditions.checkArgument;

import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import java.util.Optional;

/**
 * How the numbers of a tensor are stored: one by one, or in blocks of consecutive numbers of a row
 * that share a scale. The names are ggml's.
 */
enum GgufType {
  F32(0, 1, 4),
  F16(1, 1, 2),
  Q4_0(2, 32, 18),
  Q4_1(3, 32, 20),
  Q5_0(6, 32, 22),
  Q5_1(7, 32, 24),
  Q8_0(8, 32, 34),
  Q2_K(10, 256, 84),
  Q3_K(11, 256, 110),
  Q4_K(12, 256, 144),
  Q5_K(13, 256, 176),
  Q6_K(14, 256, 210),
  BF16(30, 1, 2);

  private final int code;
  private final int block;
  private final int blockBytes;

  GgufType(int code, int block, int blockBytes) {
    this.code = code;
    this.block = block;
    this.blockBytes = blockBytes;
  }

  /** What stands in the file. */
  int code() {
    return code;
  }

  /** Finds the type of a code; empty where it is none of ours. */
  static Optional<GgufType> ofCode(int code) {
    return Arrays.stream(values()).filter(type -> type.code == code).findFirst();
  }

  /** Numbers of a block. */
  int block() {
    return block;
  }

  /** Bytes of a block. */
  int blockBytes() {
    return blockBytes;
  }

  /** Tells whether rows of a length are whole blocks. */
  boolean fits(long rowLength) {
    return rowLength % block == 0;
  }

  /** Bytes of a row of so many numbers. */
  long rowBytes(long rowLength) {
    checkArgument(fits(rowLength), "rows of %s numbers are no whole blocks of %s", rowLength, this);
    return rowLength / block * blockBytes;
  }

  /** Bytes of a tensor, outermost axis first; its rows lie along the last axis. */
  long bytes(Shape shape) {
    long row = shape.get(shape.dimension() - 1);
    return row == 0 ? 0 : shape.size() / row * rowBytes(row);
  }
}
