package org.minillm.gguf;

import java.util.Arrays;
import java.util.Optional;

/** The types of metadata, with the codes that stand in the file. */
enum GgufValueType {
  UINT8(0, 1),
  INT8(1, 1),
  UINT16(2, 2),
  INT16(3, 2),
  UINT32(4, 4),
  INT32(5, 4),
  FLOAT32(6, 4),
  BOOL(7, 1),
  /** 64 bits of length, and UTF-8. */
  STRING(8, 8),
  /** The items' type, 64 bits of count, and the items. */
  ARRAY(9, 12),
  UINT64(10, 8),
  INT64(11, 8),
  FLOAT64(12, 8);

  private final int code;
  private final int leastBytes;

  GgufValueType(int code, int leastBytes) {
    this.code = code;
    this.leastBytes = leastBytes;
  }

  /** What stands in the file. */
  int code() {
    return code;
  }

  /** Bytes that a value takes at least. */
  int leastBytes() {
    return leastBytes;
  }

  static Optional<GgufValueType> ofCode(int code) {
    return Arrays.stream(values()).filter(type -> type.code == code).findFirst();
  }
}
