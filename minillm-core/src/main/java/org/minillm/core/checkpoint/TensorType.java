package org.minillm.core.checkpoint;

/**
 * The element types of the safetensors format, under the names that its headers use.
 *
 * @see <a href="https://github.com/huggingface/safetensors#format">the format</a>
 */
public enum TensorType {
  /** IEEE binary64. */
  F64(8),
  /** IEEE binary32. */
  F32(4),
  /** IEEE binary16. */
  F16(2),
  /** The upper half of an IEEE binary32. */
  BF16(2),
  /** Signed, 64 bits. */
  I64(8),
  /** Signed, 32 bits. */
  I32(4),
  /** Signed, 16 bits. */
  I16(2),
  /** Signed, 8 bits. */
  I8(1),
  /** Unsigned, 64 bits. */
  U64(8),
  /** Unsigned, 32 bits. */
  U32(4),
  /** Unsigned, 16 bits. */
  U16(2),
  /** Unsigned, 8 bits. */
  U8(1),
  /** One byte, 0 or 1. */
  BOOL(1),
  /** 8 bits: sign, 4 of exponent, 3 of mantissa. */
  F8_E4M3(1),
  /** 8 bits: sign, 5 of exponent, 2 of mantissa. */
  F8_E5M2(1),
  /** As F8_E4M3, without infinities and negative zero. */
  F8_E4M3FNUZ(1),
  /** As F8_E5M2, without infinities and negative zero. */
  F8_E5M2FNUZ(1),
  /** 8 bits of exponent: the scale of a block of quantised weights. */
  F8_E8M0(1),
  /** A complex number, two IEEE binary32. */
  C64(8);

  private final int bytes;

  TensorType(int bytes) {
    this.bytes = bytes;
  }

  /**
   * Returns the size of one element.
   *
   * @return bytes
   */
  public int bytes() {
    return bytes;
  }

  /**
   * Tells whether tensors of this type can be widened to float32 for computing. The others can only
   * be copied and selected from.
   *
   * @return true for F64 (which is rounded), F32, F16 and BF16
   */
  public boolean isReadable() {
    return this == F64 || this == F32 || this == F16 || this == BF16;
  }
}
