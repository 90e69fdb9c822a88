package org.minillm.gguf;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class BlockDecoderTest {

  private static final Path BLOCKS = Path.of("src/test/resources/blocks");

  private static Stream<GgufType> quantised() {
    return Stream.of(GgufType.values()).filter(type -> type.block() > 1);
  }

  private static ByteBuffer file(GgufType type, String what) throws IOException {
    return ByteBuffer.wrap(Files.readAllBytes(BLOCKS.resolve(type + "." + what)))
        .order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Made by tools/make_gguf_inputs.py. */
  @ParameterizedTest
  @MethodSource("quantised")
  void numbersAreThoseOfTheGgufPackage(GgufType type) throws IOException {
    // GIVEN random blocks, and what the gguf package of Python makes of them
    ByteBuffer blocks = file(type, "blocks");
    ByteBuffer expected = file(type, "numbers");
    float[] numbers = new float[expected.remaining() / Float.BYTES];

    // WHEN
    for (int at = 0; at < numbers.length; at += type.block()) {
      BlockDecoder.decode(type, blocks, numbers, at);
    }

    // THEN they are equal to the bit
    float[] same = new float[numbers.length];
    expected.asFloatBuffer().get(same);
    assertThat(numbers).isEqualTo(same);
    assertThat(blocks.hasRemaining()).isFalse();
  }

  @ParameterizedTest
  @CsvSource({"3c00,1", "c000,-2", "0001,5.9604645E-8", "7bff,65504", "8000,-0.0"})
  void halvesAreWidened(String bits, float expected) {
    ByteBuffer half =
        ByteBuffer.allocate(2)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putShort((short) Integer.parseInt(bits, 16))
            .flip();
    float[] number = new float[1];
    BlockDecoder.decode(GgufType.F16, half, number, 0);
    assertThat(number[0]).isEqualTo(expected);
  }

  @Test
  void whatWasEncodedIsDecodedToTheNearestStep() {
    // GIVEN one block of Q8_0: scale 2, numbers -16 to 15
    ByteBuffer block =
        ByteBuffer.allocate(34).order(ByteOrder.LITTLE_ENDIAN).putShort((short) 0x4000);
    for (int i = -16; i < 16; i++) {
      block.put((byte) i);
    }
    float[] numbers = new float[32];

    // WHEN
    BlockDecoder.decode(GgufType.Q8_0, block.flip(), numbers, 0);

    // THEN
    assertThat(numbers[0]).isEqualTo(-32f);
    assertThat(numbers[31]).isEqualTo(30f);
  }

  /** As ggml computes it: real files are compared to the bit. */
  @ParameterizedTest
  @CsvSource({"Q4_0,18", "Q5_0,22"})
  void aZeroHasTheSignOfTheScale(GgufType type, int blockBytes) {
    // GIVEN a scale of -1, and numbers in the middle of their range
    ByteBuffer block = ByteBuffer.allocate(blockBytes).order(ByteOrder.LITTLE_ENDIAN);
    block.putShort((short) 0xbc00);
    if (type == GgufType.Q5_0) {
      block.putInt(-1);
    }
    byte middle = type == GgufType.Q5_0 ? 0 : (byte) 0x88;
    while (block.hasRemaining()) {
      block.put(middle);
    }
    float[] numbers = new float[32];

    // WHEN
    BlockDecoder.decode(type, block.flip(), numbers, 0);

    // THEN
    assertThat(numbers).containsOnly(-0f);
  }
}
