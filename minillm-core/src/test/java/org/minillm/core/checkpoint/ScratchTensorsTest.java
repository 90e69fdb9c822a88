package org.minillm.core.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonElement;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScratchTensorsTest {

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
      scratch.resume(json);
      assertThat(scratch.output("b")).isEmpty();
      scratch.put(info("b", TensorType.F32, 1), FloatBuffer.wrap(new float[] {1}));

      // THEN both are there
      assertThat(bytes(scratch.output("a").orElseThrow())).containsExactly(0x80, 0x3f, 0, 0xc0);
      assertThat(bytes(scratch.output("b").orElseThrow())).containsExactly(0, 0, 0x80, 0x3f);
    }
  }

  @Test
  void aDamagedTensorIsNotTakenOver() throws IOException {
    // GIVEN a kept tensor with a byte changed
    Path file = temp.resolve("kept");
    JsonElement json;
    try (ScratchTensors scratch = ScratchTensors.keptIn(file)) {
      scratch.put(info("a", TensorType.BF16, 1, 2), FloatBuffer.wrap(new float[] {1, -2}));
      json = scratch.toJson();
    }
    Files.write(file, new byte[] {1, 2, 3, 4});

    // WHEN it is taken over
    try (ScratchTensors scratch = ScratchTensors.keptIn(file)) {
      // THEN it is refused
      assertThatThrownBy(() -> scratch.resume(json))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("a: what an interrupted run kept of it is damaged");
    }
  }
}
