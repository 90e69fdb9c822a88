package org.minillm.gguf;

import static com.google.common.base.Preconditions.checkArgument;

import java.nio.ByteBuffer;
import org.minillm.core.checkpoint.Narrowing;

/**
 * Rounds float32 to the numbers of a {@link GgufType}, bit by bit as ggml's reference quantisers
 * do: in float32 throughout, halves away from zero in Q8_0, the scale rounded to F16 only when it
 * is stored.
 */
final class BlockEncoder {

  private static final float HALF_LIMIT = 65520f;

  private BlockEncoder() {}

  /** Tells whether we write a type. */
  static boolean writes(GgufType type) {
    return switch (type) {
      case F32, F16, BF16, Q8_0, Q4_0 -> true;
      default -> false;
    };
  }

  /**
   * Encodes consecutive numbers of a row.
   *
   * @param type what to, one that {@link #writes}
   * @param numbers whole blocks between {@code from} and {@code to}
   * @param out little-endian; receives the bytes
   * @return false where a number or a scale is too large for a half, and was written as infinity
   */
  static boolean encode(GgufType type, float[] numbers, int from, int to, ByteBuffer out) {
    checkArgument((to - from) % type.block() == 0, "no whole blocks of %s", type);
    boolean finite = true;
    for (int i = from; i < to; i += type.block()) {
      finite &=
          switch (type) {
            case F32 -> {
              out.putFloat(numbers[i]);
              yield true;
            }
            case F16 -> half(numbers[i], out);
            case BF16 -> {
              out.putShort(Narrowing.bfloat16(numbers[i]));
              yield true;
            }
            case Q8_0 -> q8(numbers, i, out);
            case Q4_0 -> q4(numbers, i, out);
            default -> throw new IllegalArgumentException(type + " is not written");
          };
    }
    return finite;
  }

  private static boolean half(float number, ByteBuffer out) {
    out.putShort(Narrowing.half(number));
    return Math.abs(number) < HALF_LIMIT;
  }

  private static boolean q8(float[] numbers, int from, ByteBuffer out) {
    float largest = 0;
    for (int i = from; i < from + 32; i++) {
      largest = Math.max(largest, Math.abs(numbers[i]));
    }
    float scale = largest / 127;
    float inverse = scale == 0 ? 0 : 1 / scale;
    boolean finite = half(scale, out);
    for (int i = from; i < from + 32; i++) {
      float steps = numbers[i] * inverse;
      int size = (int) Math.floor(Math.abs((double) steps) + 0.5);
      out.put((byte) (steps < 0 ? -size : size));
    }
    return finite;
  }

  private static boolean q4(float[] numbers, int from, ByteBuffer out) {
    float largest = 0;
    float signed = 0;
    for (int i = from; i < from + 32; i++) {
      if (largest < Math.abs(numbers[i])) {
        largest = Math.abs(numbers[i]);
        signed = numbers[i];
      }
    }
    float scale = signed / -8;
    float inverse = scale == 0 ? 0 : 1 / scale;
    boolean finite = half(scale, out);
    for (int i = from; i < from + 16; i++) {
      int low = Math.min(15, (int) (numbers[i] * inverse + 8.5f));
      int high = Math.min(15, (int) (numbers[i + 16] * inverse + 8.5f));
      out.put((byte) (low | high << 4));
    }
    return finite;
  }
}
