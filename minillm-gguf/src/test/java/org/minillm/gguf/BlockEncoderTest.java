package org.minillm.gguf;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.hash.Hashing;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BlockEncoderTest {

  private static final int COUNT = 2048;

  /** A block of zeros, one whose steps are halves, and cubes of random fractions. */
  private static float[] numbers() {
    float[] numbers = new float[COUNT];
    int state = 12345;
    for (int i = 0; i < COUNT; i++) {
      state = state * 1664525 + 1013904223;
      float fraction = ((state >>> 8) - 8388608) / 8388608f;
      numbers[i] = fraction * fraction * fraction;
    }
    for (int i = 0; i < 64; i++) {
      numbers[i] = i < 32 ? 0 : (i - 48) * 0.5f;
    }
    return numbers;
  }

  private static ByteBuffer encode(GgufType type, float[] numbers) {
    ByteBuffer bytes =
        ByteBuffer.allocate((int) type.rowBytes(numbers.length)).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(BlockEncoder.encode(type, numbers, 0, numbers.length, bytes)).isTrue();
    assertThat(bytes.hasRemaining()).isFalse();
    return bytes.flip();
  }

  /** SHA-256 of what ggml_quantize_chunk of llama.cpp (ggml 0.25.3) makes of the same numbers. */
  @ParameterizedTest
  @CsvSource({
    "Q8_0, c61defd7ea3856595b5e3d9cbd0dd78e4fb8c75bc1af6954de7653f96036bf85",
    "Q4_0, f10b907695fe92d324eddef24cc66ac84a9da10211886aa6426c0f0536078af5",
    "F16, 23628932e5ef6c6977b2a606183bc07f71cc70f0bc2c664e4a106f7f94327dad",
    "BF16, 208fd16216dfc7994f34c18c66fd4b7b05d879867a14b663e304c02be42db8ea",
  })
  void bytesAreThoseOfGgml(GgufType type, String sha256) {
    assertThat(Hashing.sha256().hashBytes(encode(type, numbers())).toString()).isEqualTo(sha256);
  }

  @Test
  void halvesOfEightBitsAreRoundedAwayFromZero() {
    // GIVEN a scale of one
    float[] numbers = new float[32];
    numbers[0] = 127;
    numbers[1] = 2.5f;
    numbers[2] = -2.5f;
    numbers[3] = 0.49f;

    // WHEN
    ByteBuffer bytes = encode(GgufType.Q8_0, numbers);

    // THEN 0x3c00 is one
    assertThat(bytes.getShort(0)).isEqualTo((short) 0x3c00);
    assertThat(new byte[] {bytes.get(2), bytes.get(3), bytes.get(4), bytes.get(5)})
        .containsExactly(127, 3, -3, 0);
  }

  @ParameterizedTest
  @CsvSource({"F16, 65519, true", "F16, 65520, false", "Q8_0, 1e8, false", "Q4_0, -6e5, false"})
  void whatNoHalfHoldsIsTold(GgufType type, float number, boolean finite) {
    float[] numbers = new float[32];
    numbers[7] = number;
    ByteBuffer bytes = ByteBuffer.allocate(128).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(BlockEncoder.encode(type, numbers, 0, 32, bytes)).isEqualTo(finite);
  }
}
