package org.minillm.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableIntArray;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.files.MalformedFileException;

/** The form of the file, apart from any model. */
class GgufFileTest {

  private static final ImmutableMap<String, GgufValue> METADATA =
      ImmutableMap.<String, GgufValue>builder()
          .put("general.architecture", GgufValue.text("llama"))
          .put("count", GgufValue.uint32(4_000_000_000L))
          .put("epsilon", GgufValue.float32(0.25))
          .put("flag", GgufValue.flag(true))
          .put("sizes", GgufValue.int32s(ImmutableIntArray.of(3, -1)))
          .put("scores", GgufValue.float32s(List.of(0.5f, -2f)))
          .put("tokens", GgufValue.texts(List.of("a", "é", "")))
          .buildOrThrow();

  @TempDir Path temp;

  private static byte[] file(GgufTensor... tensors) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    new GgufWriter(METADATA, ImmutableList.copyOf(tensors))
        .writeTo(Channels.newChannel(out), bytes -> {});
    return out.toByteArray();
  }

  private static GgufTensor tensor(String name, Shape shape, int fill) {
    GgufType type = GgufType.F16;
    return new GgufTensor(
        name,
        type,
        shape,
        out -> {
          byte[] bytes = new byte[(int) type.bytes(shape)];
          java.util.Arrays.fill(bytes, (byte) fill);
          out.write(ByteBuffer.wrap(bytes));
        });
  }

  @Test
  void metadataReadsBack() throws IOException {
    Path path = Files.write(temp.resolve("a.gguf"), file());
    assertThat(GgufHeaderReader.read(path).metadata()).containsExactlyEntriesOf(METADATA);
  }

  @Test
  void tensorsStandAtMultiplesOf32AndSayTheirAxesInnermostFirst() throws IOException {
    // WHEN one of 3 * 2 * 2 = 12 bytes, one of 4
    byte[] bytes = file(tensor("first", new Shape(3, 2), 1), tensor("second", new Shape(2), 2));

    // THEN the head ends in the second's place, which is 32
    ByteBuffer file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(file.getInt(0)).isEqualTo(0x46554747);
    assertThat(file.getInt(4)).isEqualTo(3);
    assertThat(file.getLong(8)).isEqualTo(2);
    int second = indexOf(bytes, "second");
    assertThat(file.getInt(second + 6)).isEqualTo(1);
    assertThat(file.getLong(second + 10)).isEqualTo(2);
    assertThat(file.getInt(second + 18)).isEqualTo(1); // F16
    assertThat(file.getLong(second + 22)).isEqualTo(32);
    int first = indexOf(bytes, "first");
    assertThat(file.getLong(first + 9)).isEqualTo(2);
    assertThat(file.getLong(first + 17)).isEqualTo(3);
    int data = bytes.length - 64;
    assertThat(data % 32).isZero();
    assertThat(bytes[data]).isEqualTo((byte) 1);
    assertThat(bytes[data + 12]).isEqualTo((byte) 0);
    assertThat(bytes[data + 32]).isEqualTo((byte) 2);
  }

  private static int indexOf(byte[] bytes, String text) {
    return new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1).indexOf(text);
  }

  @Test
  void aFileThatIsCutIsRefusedWhereverItEnds() throws IOException {
    byte[] whole = file();
    for (int length = 0; length < whole.length - 32; length++) {
      Path path = Files.write(temp.resolve("cut.gguf"), java.util.Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> GgufHeaderReader.read(path).metadata())
          .as("%s bytes", length)
          .isInstanceOf(MalformedFileException.class)
          .hasMessageContaining("cut.gguf");
    }
  }

  @Test
  void damagedFilesAreReadOrRefused() throws IOException {
    byte[] whole = file();
    Random random = new Random(7);
    for (int i = 0; i < 2000; i++) {
      byte[] damaged = whole.clone();
      for (int j = random.nextInt(3); j >= 0; j--) {
        damaged[random.nextInt(damaged.length)] = (byte) random.nextInt();
      }
      Path path = Files.write(temp.resolve("damaged.gguf"), damaged);
      try {
        GgufHeaderReader.read(path).metadata();
      } catch (MalformedFileException e) {
        assertThat(e).hasMessageContaining("damaged.gguf");
      }
    }
  }

  @Test
  void aFileOfAnotherKindIsRefused() throws IOException {
    Path path = Files.writeString(temp.resolve("model.gguf"), "version https://git-lfs.github.com");
    assertThatThrownBy(() -> GgufHeaderReader.read(path).metadata())
        .isInstanceOf(MalformedFileException.class)
        .hasMessageContaining("is no GGUF file");
  }
}
