package org.minillm.core.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonElement;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.files.JsonNode;

class ScratchTensorsTest {

  private static final Map<String, TensorInfo> TENSORS =
      Map.of(
          "a", info("a", TensorType.BF16, 1, 2),
          "b", info("b", TensorType.F32, 1),
          "huge", info("huge", TensorType.F32, 1L << 40));

  @TempDir private Path temp;

  private static TensorInfo info(String name, TensorType type, long... shape) {
    return new TensorInfo(name, type, new Shape(shape));
  }

  private static byte[] bytes(TensorOutput output) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    output.content().writeTo(Channels.newChannel(bytes));
    return bytes.toByteArray();
  }

  @Test
  void tensorsAreRoundedAndReadInAnyOrder() throws IOException {
    try (ScratchTensors scratch = ScratchTensors.temporaryIn(temp)) {
      // GIVEN two tensors of different types
      scratch.put(info("a", TensorType.BF16, 1, 2), FloatBuffer.wrap(new float[] {1, -2}));
      scratch.put(info("b", TensorType.F32, 1), FloatBuffer.wrap(new float[] {1}));

      // WHEN they are read
      // THEN each is there: 1 is 3f80, -2 is c000 in bfloat16, little-endian
      assertThat(bytes(scratch.output("b").orElseThrow())).containsExactly(0, 0, 0x80, 0x3f);
      assertThat(bytes(scratch.output("a").orElseThrow())).containsExactly(0x80, 0x3f, 0, 0xc0);
      assertThat(scratch.output("c")).isEmpty();
    }
  }

  @Test
  void nothingIsLeftOnTheDisk() throws IOException {
    // GIVEN a scratch file
    try (ScratchTensors scratch = ScratchTensors.temporaryIn(temp)) {
      scratch.put(info("a", TensorType.F32, 1), FloatBuffer.wrap(new float[1]));
    }

    // WHEN it was closed
    // THEN the folder is empty
    assertThat(Files.list(temp)).isEmpty();
  }

  @Test
  void anotherNumberOfElementsIsRefused() throws IOException {
    try (ScratchTensors scratch = ScratchTensors.temporaryIn(temp)) {
      assertThatThrownBy(
              () -> scratch.put(info("a", TensorType.F32, 2), FloatBuffer.wrap(new float[1])))
          .hasMessage("a: 1 numbers, expected 2");
    }
  }

  @Test
  void keptTensorsAreTakenOver() throws IOException {
    // GIVEN a run that kept a tensor, wrote half of the next and died
    Path file = temp.resolve("kept");
    JsonElement json;
    try (ScratchTensors scratch = ScratchTensors.keptIn(file)) {
      scratch.put(info("a", TensorType.BF16, 1, 2), FloatBuffer.wrap(new float[] {1, -2}));
      json = scratch.toJson();
      scratch.put(info("b", TensorType.F32, 1), FloatBuffer.wrap(new float[] {5}));
    }

    // WHEN the next run takes over what was known, and goes on
    try (ScratchTensors scratch = ScratchTensors.keptIn(file)) {
      scratch.resume(new JsonNode("kept", json), TENSORS::get);
      assertThat(scratch.output("b")).isEmpty();
      scratch.put(info("b", TensorType.F32, 1), FloatBuffer.wrap(new float[] {1}));

      // THEN both are there
      assertThat(bytes(scratch.output("a").orElseThrow())).containsExactly(0x80, 0x3f, 0, 0xc0);
      assertThat(bytes(scratch.output("b").orElseThrow())).containsExactly(0, 0, 0x80, 0x3f);
    }
  }

  @Test
  void damagedTensorsAreNotTakenOver() throws IOException {
    // GIVEN two kept tensors, the second with a byte changed
    Path file = temp.resolve("kept");
    JsonElement json;
    try (ScratchTensors scratch = ScratchTensors.keptIn(file)) {
      scratch.put(TENSORS.get("a"), FloatBuffer.wrap(new float[] {1, -2}));
      scratch.put(TENSORS.get("b"), FloatBuffer.wrap(new float[] {5}));
      json = scratch.toJson();
    }
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 1] ^= 1;
    Files.write(file, bytes);

    // WHEN they are taken over
    try (ScratchTensors scratch = ScratchTensors.keptIn(file)) {
      // THEN neither is
      assertThatIllegalArgumentException()
          .isThrownBy(() -> scratch.resume(new JsonNode("kept", json), TENSORS::get))
          .withMessage("what was kept of b is damaged");
      assertThat(scratch.output("a")).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "[7]",
        "[{}]",
        "[{\"name\": 7, \"crc32c\": 0}]",
        "[{\"name\": \"a\"}]",
        "[{\"name\": \"a\", \"crc32c\": 1e99}]",
        "[{\"name\": \"unknown\", \"crc32c\": 0}]",
        "[{\"name\": \"huge\", \"crc32c\": 0}]"
      })
  void findingsOfAnotherFormAreNotTakenOver(String json) throws IOException {
    try (ScratchTensors scratch = ScratchTensors.keptIn(temp.resolve("kept"))) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> scratch.resume(JsonNode.parse(json), ScratchTensorsTest::tensor));
    }
  }

  private static TensorInfo tensor(String name) throws IOException {
    if (!TENSORS.containsKey(name)) {
      throw new MalformedCheckpointException("no tensor " + name);
    }
    return TENSORS.get(name);
  }

  @Test
  void aFullDiskIsOneMessageWithARemedy() throws IOException {
    // GIVEN a device that is always full
    Path full = Path.of("/dev/full");
    assumeTrue(Files.isWritable(full), "Linux has it");
    try (ScratchTensors scratch = ScratchTensors.keptIn(full)) {
      // WHEN a tensor is kept
      // THEN the message says where, how much and what to do
      assertThatThrownBy(() -> scratch.put(TENSORS.get("a"), FloatBuffer.wrap(new float[] {1, -2})))
          .isInstanceOf(IOException.class)
          .hasMessage(
              "/dev/full: a scratch file of 1 MB cannot be written (No space left on device); free"
                  + " room on that disk");
    }
  }
}
