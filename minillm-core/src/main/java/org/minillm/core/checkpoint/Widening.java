package org.minillm.core.checkpoint;

import static java.util.Objects.requireNonNull;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.IntBuffer;
import java.nio.ShortBuffer;

/**
 * Widens stored numbers to float32. Exact for F16 and BF16, subnormals, infinities and the payloads
 * of NaN included; F64 is rounded to nearest. Works on bit patterns, so that no NaN is changed.
 */
public final class Widening {

  // Small enough for both arrays to stay in the first cache; loops over arrays are vectorised,
  // loops
  // over buffers are not.
  private static final int BLOCK = 4096;

  private Widening() {}

  /**
   * Widens all that remains of the source.
   *
   * @param type a readable type
   * @param source whole elements, little-endian
   * @param target receives the bits of one float32 an element
   */
  public static void widen(TensorType type, ByteBuffer source, IntBuffer target) {
    requireNonNull(type, "type");
    requireNonNull(source, "source");
    requireNonNull(target, "target");
    ByteBuffer elements = source.slice().order(ByteOrder.LITTLE_ENDIAN);
    switch (type) {
      case F32 -> target.put(elements.asIntBuffer());
      case BF16 -> widenBfloat16(elements.asShortBuffer(), target);
      case F16 -> widenHalf(elements.asShortBuffer(), target);
      case F64 -> narrow(elements.asDoubleBuffer(), target);
      default -> throw new IllegalArgumentException(type + " has no float32 form");
    }
  }

  /**
   * Widens an IEEE binary16.
   *
   * @param bits its 16 bits
   * @return the same number
   */
  public static float half(short bits) {
    return Float.intBitsToFloat(HalfTable.BITS[bits & 0xffff]);
  }

  private static void widenBfloat16(ShortBuffer source, IntBuffer target) {
    short[] stored = new short[BLOCK];
    int[] wide = new int[BLOCK];
    while (source.hasRemaining()) {
      int count = Math.min(BLOCK, source.remaining());
      source.get(stored, 0, count);
      for (int i = 0; i < count; i++) {
        wide[i] = stored[i] << 16;
      }
      target.put(wide, 0, count);
    }
  }

  private static void widenHalf(ShortBuffer source, IntBuffer target) {
    int[] table = HalfTable.BITS;
    short[] stored = new short[BLOCK];
    int[] wide = new int[BLOCK];
    while (source.hasRemaining()) {
      int count = Math.min(BLOCK, source.remaining());
      source.get(stored, 0, count);
      for (int i = 0; i < count; i++) {
        wide[i] = table[stored[i] & 0xffff];
      }
      target.put(wide, 0, count);
    }
  }

  private static void narrow(DoubleBuffer source, IntBuffer target) {
    while (source.hasRemaining()) {
      target.put(Float.floatToRawIntBits((float) source.get()));
    }
  }

  /** float32 bits of every binary16, made when the first one is met. */
  private static final class HalfTable {
    static final int[] BITS = new int[1 << 16];

    static {
      for (int half = 0; half < BITS.length; half++) {
        BITS[half] = bits(half);
      }
    }

    private static int bits(int half) {
      int sign = (half & 0x8000) << 16;
      int exponent = half >> 10 & 0x1f;
      int mantissa = half & 0x3ff;
      if (exponent == 0x1f) {
        return sign | 0x7f800000 | mantissa << 13; // infinity and NaN
      }
      if (exponent != 0) {
        return sign | exponent + (127 - 15) << 23 | mantissa << 13;
      }
      // Zero and subnormals: mantissa * 2^-24, which float32 holds as a normal number.
      return sign | Float.floatToRawIntBits(mantissa * 0x1p-24f);
    }
  }
}
