package org.minillm.core.checkpoint;

import static java.util.Objects.requireNonNull;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/** Rounds float32 to what a file holds: to nearest, ties to even, as IEEE 754 asks for. */
public final class Narrowing {

  private Narrowing() {}

  /**
   * Rounds all that remains of the source.
   *
   * @param type F32, F16, BF16 or F64
   * @param source the numbers
   * @return their bytes, little-endian, ready to be read
   */
  public static ByteBuffer narrow(TensorType type, FloatBuffer source) {
    requireNonNull(type, "type");
    requireNonNull(source, "source");
    ByteBuffer target =
        ByteBuffer.allocate(Math.multiplyExact(source.remaining(), type.bytes()))
            .order(ByteOrder.LITTLE_ENDIAN);
    while (source.hasRemaining()) {
      float value = source.get();
      switch (type) {
        case F32 -> target.putFloat(value);
        case F64 -> target.putDouble(value);
        case BF16 -> target.putShort(bfloat16(value));
        case F16 -> target.putShort(half(value));
        default -> throw new IllegalArgumentException("float32 cannot be written as " + type);
      }
    }
    return target.flip();
  }

  /**
   * Rounds a number to the upper half of a float32.
   *
   * @param value any
   * @return its 16 bits
   */
  public static short bfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) (bits >>> 16 | 0x40);
    }
    return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
  }

  /**
   * Rounds a number to IEEE binary16.
   *
   * @param value any
   * @return its 16 bits; those of an infinity from 65520 on
   */
  public static short half(float value) {
    int sign = Float.floatToRawIntBits(value) >>> 16 & 0x8000;
    float size = Math.abs(value);
    if (Float.isNaN(value)) {
      return (short) (sign | 0x7e00);
    }
    if (size >= 65520f) { // half way between the largest half and the next power of two
      return (short) (sign | 0x7c00);
    }
    // From 2^-14 on halves are normal and 2^(exponent - 10) apart, below they are 2^-24 apart.
    int exponent = Math.max(Math.getExponent(size), -14);
    int steps = (int) Math.rint(size * (double) Math.scalb(1f, 10 - exponent));
    // A carry out of the mantissa is a carry into the exponent.
    return (short) (sign | (exponent + 14 << 10) + steps);
  }
}
