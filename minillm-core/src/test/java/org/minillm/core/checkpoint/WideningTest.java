package org.minillm.core.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class WideningTest {

  private static final int PATTERNS = 1 << 16;

  @Test
  void everyHalfIsWidenedToItsValue() {
    // GIVEN / WHEN
    int[] widened = widen(TensorType.F16, everyPattern());

    // THEN the value is (-1)^sign * 1.mantissa * 2^(exponent - 15), by the definition of binary16
    for (int half = 0; half < PATTERNS; half++) {
      float value = Float.intBitsToFloat(widened[half]);
      double sign = half < 0x8000 ? 1 : -1;
      int exponent = (half / 1024) % 32;
      int mantissa = half % 1024;
      double expected;
      if (exponent == 31) {
        expected = mantissa == 0 ? sign * Double.POSITIVE_INFINITY : Double.NaN;
      } else if (exponent == 0) {
        expected = sign * mantissa / 1024 * Math.pow(2, -14);
      } else {
        expected = sign * (1 + mantissa / 1024.0) * Math.pow(2, exponent - 15);
      }
      // Double.compare tells -0 from 0 and takes NaN as equal to itself
      assertThat(Double.compare(value, expected)).as("half %04x", half).isZero();
    }
  }

  @Test
  void aHalfThatIsNotANumberKeepsItsSignAndPayload() {
    // GIVEN a signalling NaN, sign set, payload 1
    // WHEN
    int[] widened = widen(TensorType.F16, new byte[] {0x01, (byte) 0xfc});

    // THEN
    assertThat(widened).containsExactly(0xff802000);
  }

  @Test
  void everyBfloat16IsWidenedToItsValue() {
    // GIVEN / WHEN
    int[] widened = widen(TensorType.BF16, everyPattern());

    // THEN it is the float32 whose upper two bytes it holds
    for (int pattern = 0; pattern < PATTERNS; pattern++) {
      int expected =
          ByteBuffer.wrap(new byte[] {(byte) (pattern >> 8), (byte) pattern, 0, 0}).getInt();
      assertThat(widened[pattern]).as("bfloat16 %04x", pattern).isEqualTo(expected);
    }
  }

  @Test
  void float32KeepsItsBits() {
    // GIVEN 1.0 and a signalling NaN with a payload, little-endian
    byte[] stored = {0, 0, (byte) 0x80, 0x3f, 0x23, 0x01, (byte) 0x80, 0x7f};

    // WHEN
    int[] widened = widen(TensorType.F32, stored);

    // THEN
    assertThat(widened).containsExactly(0x3f800000, 0x7f800123);
  }

  @Test
  void float64IsRoundedToTheNearestFloat32() {
    // GIVEN just above the middle between 1 and the next float32, 1 + 2^-23
    byte[] stored =
        ByteBuffer.allocate(16)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putDouble(1 + 0x1p-24 + 0x1p-50)
            .putDouble(-0.1)
            .array();

    // WHEN
    int[] widened = widen(TensorType.F64, stored);

    // THEN
    assertThat(widened).containsExactly(0x3f800001, Float.floatToIntBits(-0.1f));
  }

  private static byte[] everyPattern() {
    ByteBuffer bytes = ByteBuffer.allocate(PATTERNS * 2).order(ByteOrder.LITTLE_ENDIAN);
    IntStream.range(0, PATTERNS).forEach(pattern -> bytes.putShort((short) pattern));
    return bytes.array();
  }

  private static int[] widen(TensorType type, byte[] stored) {
    int[] target = new int[stored.length / type.bytes()];
    Widening.widen(type, ByteBuffer.wrap(stored), IntBuffer.wrap(target));
    return target;
  }
}
