package org.minillm.gguf;

import java.nio.ByteBuffer;
import org.minillm.core.checkpoint.Widening;

/**
 * Turns blocks of quantised numbers back into numbers, with the arithmetic of ggml's reference code
 * in float32.
 *
 * @see <a href="https://github.com/ggml-org/ggml/blob/master/src/ggml-quants.c">ggml-quants.c</a>
 */
final class BlockDecoder {

  private static final int LOW = 0x0f;

  private BlockDecoder() {}

  /**
   * Decodes the block at a buffer's position.
   *
   * @param type of the block
   * @param in little-endian; moved behind the block
   * @param out gets the block's numbers
   * @param at of the first one
   */
  static void decode(GgufType type, ByteBuffer in, float[] out, int at) {
    int start = in.position();
    switch (type) {
      case F32 -> out[at] = in.getFloat(start);
      case F16 -> out[at] = half(in, start);
      case BF16 -> out[at] = Float.intBitsToFloat(in.getShort(start) << 16);
      case Q4_0 -> {
        nibbles(in, start + 2, out, at);
        scale(half(in, start), 8, out, at);
      }
      case Q4_1 -> {
        nibbles(in, start + 4, out, at);
        scale(half(in, start), half(in, start + 2), out, at);
      }
      case Q5_0 -> {
        fives(in, start + 2, out, at);
        scale(half(in, start), 16, out, at);
      }
      case Q5_1 -> {
        fives(in, start + 4, out, at);
        scale(half(in, start), half(in, start + 2), out, at);
      }
      case Q8_0 -> bytes(in, start, out, at);
      case Q2_K -> q2(in, start, out, at);
      case Q3_K -> q3(in, start, out, at);
      case Q4_K -> q4(in, start, out, at);
      case Q5_K -> q5(in, start, out, at);
      case Q6_K -> q6(in, start, out, at);
    }
    in.position(start + type.blockBytes());
  }

  private static float half(ByteBuffer in, int at) {
    return Widening.half(in.getShort(at));
  }

  private static int unsigned(ByteBuffer in, int at) {
    return in.get(at) & 0xff;
  }

  /** 32 numbers of 4 bits: the lower halves of 16 bytes, then the upper ones. */
  private static void nibbles(ByteBuffer in, int from, float[] out, int at) {
    for (int i = 0; i < 16; i++) {
      int pair = unsigned(in, from + i);
      out[at + i] = pair & LOW;
      out[at + 16 + i] = pair >>> 4;
    }
  }

  /** 32 numbers of 5 bits: the fifth ones of all stand before the others. */
  private static void fives(ByteBuffer in, int from, float[] out, int at) {
    int fifth = in.getInt(from);
    nibbles(in, from + 4, out, at);
    for (int i = 0; i < 32; i++) {
      out[at + i] += (fifth >>> i & 1) << 4;
    }
  }

  /** A zero has the sign of the scale: nothing is added to it. */
  private static void scale(float scale, int middle, float[] out, int at) {
    for (int i = at; i < at + 32; i++) {
      out[i] = (out[i] - middle) * scale;
    }
  }

  private static void scale(float scale, float least, float[] out, int at) {
    for (int i = at; i < at + 32; i++) {
      out[i] = out[i] * scale + least;
    }
  }

  private static void bytes(ByteBuffer in, int start, float[] out, int at) {
    float scale = half(in, start);
    for (int i = 0; i < 32; i++) {
      out[at + i] = in.get(start + 2 + i) * scale;
    }
  }

  /** 16 groups of 16, each with a scale and a least value of 4 bits. */
  private static void q2(ByteBuffer in, int start, float[] out, int at) {
    float scale = half(in, start + 80);
    float least = half(in, start + 82);
    for (int i = 0; i < 256; i++) {
      int group = unsigned(in, start + i / 16);
      int packed = unsigned(in, start + 16 + i / 128 * 32 + i % 32);
      int value = packed >>> i / 32 % 4 * 2 & 3;
      out[at + i] = scale * (group & LOW) * value - least * (group >>> 4);
    }
  }

  /** 16 groups of 16, each with a scale of 6 bits; the third bit of a number stands apart. */
  private static void q3(ByteBuffer in, int start, float[] out, int at) {
    float scale = half(in, start + 108);
    for (int i = 0; i < 256; i++) {
      int third = unsigned(in, start + i % 32) >>> i / 32 & 1;
      int packed = unsigned(in, start + 32 + i / 128 * 32 + i % 32);
      int value = (packed >>> i / 32 % 4 * 2 & 3) - (third == 0 ? 4 : 0);
      out[at + i] = scale * (q3Scale(in, start + 96, i / 16) - 32) * value;
    }
  }

  /** The lower 4 bits of 16 scales stand in 8 bytes, the upper 2 in 4 more. */
  private static int q3Scale(ByteBuffer in, int from, int group) {
    int low = unsigned(in, from + group % 8) >>> group / 8 * 4 & LOW;
    int high = unsigned(in, from + 8 + group % 4) >>> group / 4 * 2 & 3;
    return low | high << 4;
  }

  /** 8 groups of 32, each with a scale and a least value of 6 bits. */
  private static void q4(ByteBuffer in, int start, float[] out, int at) {
    for (int group = 0; group < 8; group++) {
      float scale = half(in, start) * scale(in, start + 4, group);
      float least = half(in, start + 2) * least(in, start + 4, group);
      for (int i = 0; i < 32; i++) {
        int pair = unsigned(in, start + 16 + group / 2 * 32 + i);
        out[at + group * 32 + i] = scale * (pair >>> group % 2 * 4 & LOW) - least;
      }
    }
  }

  /** As Q4_K, and a fifth bit of each number apart. */
  private static void q5(ByteBuffer in, int start, float[] out, int at) {
    for (int group = 0; group < 8; group++) {
      float scale = half(in, start) * scale(in, start + 4, group);
      float least = half(in, start + 2) * least(in, start + 4, group);
      for (int i = 0; i < 32; i++) {
        int fifth = unsigned(in, start + 16 + i) >>> group & 1;
        int pair = unsigned(in, start + 48 + group / 2 * 32 + i);
        out[at + group * 32 + i] = scale * ((pair >>> group % 2 * 4 & LOW) + fifth * 16) - least;
      }
    }
  }

  private static int scale(ByteBuffer in, int from, int group) {
    return group < 4
        ? unsigned(in, from + group) & 63
        : unsigned(in, from + group + 4) & LOW | unsigned(in, from + group - 4) >>> 6 << 4;
  }

  private static int least(ByteBuffer in, int from, int group) {
    return group < 4
        ? unsigned(in, from + group + 4) & 63
        : unsigned(in, from + group + 4) >>> 4 | unsigned(in, from + group) >>> 6 << 4;
  }

  /** 16 groups of 16, each with a scale of 8 bits; the upper 2 bits of a number stand apart. */
  private static void q6(ByteBuffer in, int start, float[] out, int at) {
    float scale = half(in, start + 208);
    for (int i = 0; i < 256; i++) {
      int part = i / 128;
      int quarter = i / 32 % 4;
      int pair = unsigned(in, start + part * 64 + quarter % 2 * 32 + i % 32);
      int high = unsigned(in, start + 128 + part * 32 + i % 32) >>> quarter * 2 & 3;
      int value = (pair >>> quarter / 2 * 4 & LOW | high << 4) - 32;
      out[at + i] = scale * in.get(start + 192 + i / 16) * value;
    }
  }
}
