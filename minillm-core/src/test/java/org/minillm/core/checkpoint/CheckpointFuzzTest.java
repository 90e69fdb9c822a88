package org.minillm.core.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDManager;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Damaged files are either understood or refused with an {@link IOException}; anything else ends
 * the test. An allocation beyond the file's size would end the test JVM's heap of 1 GiB now and
 * then.
 */
class CheckpointFuzzTest {

  private static final int MUTATIONS = 2000;

  private static final String[] TOKENS = {
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "0",
    "-1",
    "1e9",
    "9223372036854775807",
    "99999999999999999999",
    "null",
    "true",
    "\\u0000",
    "\"dtype\"",
    "\"shape\"",
    "\"data_offsets\"",
    "\"F16\"",
    "\"I8\"",
    "\"__metadata__\"",
    "../",
    "model.safetensors"
  };

  private static final String HEADER =
      "{\"__metadata__\":{\"format\":\"pt\"},"
          + "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
          + "\"b\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[24,32]}}   ";

  private static final String INDEX =
      "{\"metadata\":{\"total_size\":32},\"weight_map\":{\"a\":\"1.safetensors\","
          + "\"b\":\"1.safetensors\"}}";

  @TempDir Path temp;

  @Test
  void aDamagedWeightFileOpensOrIsRefused() throws IOException {
    // GIVEN
    ModelFolder folder = ModelFolder.in(temp);
    byte[] valid = ModelFolder.safetensors(HEADER, ModelFolder.counting(32));

    // WHEN / THEN
    assertThatDamageIsSurvived(folder, "model.safetensors", valid);
  }

  @Test
  void aDamagedIndexOpensOrIsRefused() throws IOException {
    // GIVEN
    ModelFolder folder =
        ModelFolder.in(temp)
            .bytes("1.safetensors", ModelFolder.safetensors(HEADER, ModelFolder.counting(32)));

    // WHEN / THEN
    assertThatDamageIsSurvived(
        folder, "model.safetensors.index.json", INDEX.getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void aDamagedConfigOpensOrIsRefused() throws IOException {
    // GIVEN
    ModelFolder folder = ModelFolder.in(temp).weights(HEADER, ModelFolder.counting(32));

    // WHEN / THEN
    assertThatDamageIsSurvived(
        folder,
        "config.json",
        "{\"model_type\":\"llama\",\"eps\":[1e-5,null,{}]}".getBytes(StandardCharsets.UTF_8));
  }

  private static void assertThatDamageIsSurvived(ModelFolder folder, String name, byte[] valid)
      throws IOException {
    Random random = new Random(20261124);
    int opened = 0;
    int refused = 0;
    try (NDManager manager = NDManager.newBaseManager()) {
      for (int i = 0; i < MUTATIONS; i++) {
        byte[] damaged = damage(valid, random);
        Files.write(folder.path.resolve(name), damaged);
        try (Checkpoint checkpoint = Checkpoint.open(folder.path);
            NDManager owner = manager.newSubManager()) {
          for (TensorInfo info : checkpoint.tensors().values()) {
            if (info.type().isReadable()) {
              checkpoint.read(info.name(), owner);
            }
          }
          opened++;
        } catch (IOException e) {
          assertThat(e).hasMessageContaining(folder.path.toString());
          refused++;
        }
      }
    }
    // both roads were taken
    assertThat(opened).isPositive();
    assertThat(refused).isGreaterThan(MUTATIONS / 4);
  }

  private static byte[] damage(byte[] valid, Random random) {
    byte[] bytes = valid.clone();
    for (int count = 1 + random.nextInt(3); count > 0 && bytes.length > 0; count--) {
      int at = random.nextInt(bytes.length);
      switch (random.nextInt(5)) {
        case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> bytes[at] = (byte) random.nextInt(256);
        case 2 -> bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length + 8));
        case 3 ->
            bytes =
                splice(
                    bytes,
                    at,
                    TOKENS[random.nextInt(TOKENS.length)].getBytes(StandardCharsets.UTF_8));
        default -> {
          int length = 1 + random.nextInt(Math.min(16, bytes.length - at));
          bytes =
              splice(
                  bytes, random.nextInt(bytes.length), Arrays.copyOfRange(bytes, at, at + length));
        }
      }
    }
    return bytes;
  }

  /** Puts a piece in. */
  private static byte[] splice(byte[] bytes, int at, byte[] piece) {
    byte[] spliced = new byte[bytes.length + piece.length];
    System.arraycopy(bytes, 0, spliced, 0, at);
    System.arraycopy(piece, 0, spliced, at, piece.length);
    System.arraycopy(bytes, at, spliced, at + piece.length, bytes.length - at);
    return spliced;
  }
}
