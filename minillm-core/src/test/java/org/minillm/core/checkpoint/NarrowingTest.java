package org.minillm.core.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class NarrowingTest {

  private static float roundTrip(TensorType type, float value) {
    int[] bits = new int[1];
    Widening.widen(
        type, Narrowing.narrow(type, FloatBuffer.wrap(new float[] {value})), IntBuffer.wrap(bits));
    return Float.intBitsToFloat(bits[0]);
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void everyStoredNumberSurvivesWideningAndNarrowing(TensorType type) {
    for (int bits = 0; bits < 1 << 16; bits++) {
      // GIVEN each of the 65536 numbers of 16 bits
      ByteBuffer stored = ByteBuffer.allocate(2).order(ByteOrder.LITTLE_ENDIAN);
      stored.putShort((short) bits).flip();
      int[] wide = new int[1];
      Widening.widen(type, stored, IntBuffer.wrap(wide));
      float value = Float.intBitsToFloat(wide[0]);

      // WHEN it is widened and rounded again
      short again = Narrowing.narrow(type, FloatBuffer.wrap(new float[] {value})).getShort();

      // THEN it is the same, and a NaN is a NaN
      if (Float.isNaN(value)) {
        assertThat(roundTrip(type, value)).isNaN();
      } else {
        assertThat(again & 0xffff).isEqualTo(bits);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1.00390625, 1", // half way between 1 and 1.0078125: to even
    "1.01171875, 1.015625", // half way: to even, which is above
    "1.003907, 1.0078125", // just above half way
    "3.4028235e38, Infinity" // the largest float32 is nearer to 2^128
  })
  void bfloat16IsRoundedToNearest(float value, float expected) {
    assertThat(roundTrip(TensorType.BF16, value)).isEqualTo(expected);
    assertThat(roundTrip(TensorType.BF16, -value)).isEqualTo(-expected);
  }

  @ParameterizedTest
  @CsvSource({
    "1.00048828125, 1", // half way between 1 and 1 + 2^-10: to even
    "1.00146484375, 1.001953125", // half way: to even, which is above
    "65519.99, 65504", // the largest half
    "65520, Infinity",
    "2.9802322e-8, 0", // half of the smallest subnormal: to even
    "4.5e-8, 5.9604645e-8",
    "6.1007e-5, 6.1035156e-5" // the largest subnormals carry into the normal numbers
  })
  void halfIsRoundedToNearest(float value, float expected) {
    assertThat(roundTrip(TensorType.F16, value)).isEqualTo(expected);
    assertThat(roundTrip(TensorType.F16, -value)).isEqualTo(-expected);
  }

  @Test
  void float32IsKept() {
    assertThat(roundTrip(TensorType.F32, 0.1f)).isEqualTo(0.1f);
  }
}
