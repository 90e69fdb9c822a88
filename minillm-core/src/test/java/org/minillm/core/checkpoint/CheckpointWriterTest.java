package org.minillm.core.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.ndarray.types.Shape;
import com.google.common.hash.Hashing;
import com.google.common.primitives.ImmutableIntArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointWriterTest {

  private static final List<TensorOutput> TENSORS =
      List.of(tensor("b", 3, 1), tensor("a", 2, 10), tensor("c", 4, 20));

  @TempDir Path temp;
  private Path target;

  @BeforeEach
  void nameTarget() {
    target = temp.resolve("out");
  }

  @Test
  void aWrittenFolderOpensAgain() throws IOException {
    // GIVEN
    JsonObject config = JsonParser.parseString("{\"eps\":1e-05,\"pad\":null}").getAsJsonObject();

    // WHEN
    writer().config(config).tensors(TENSORS).write();

    // THEN
    try (Checkpoint checkpoint = Checkpoint.open(target)) {
      assertThat(checkpoint.config()).isEqualTo(config);
      assertThat(checkpoint.tensors().values())
          .containsExactlyElementsOf(TENSORS.stream().map(TensorOutput::info).toList());
    }
    assertThat(target.resolve("config.json"))
        .content()
        .isEqualTo("{\n  \"eps\": 1e-05,\n  \"pad\": null\n}\n");
  }

  @Test
  void theWeightsAreOneFileOfHeaderAndData() throws IOException {
    // WHEN
    writer().tensors(List.of(tensor("b", 3, 1))).write();

    // THEN
    String header =
        "{\"__metadata__\":{\"format\":\"pt\"},"
            + "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}";
    header = header + " ".repeat((8 - header.length() % 8) % 8);
    assertThat(target.resolve("model.safetensors"))
        .hasBinaryContent(ModelFolder.safetensors(header, (byte) 1, (byte) 2, (byte) 3));
  }

  @Test
  void aModelWithoutTensorsOpensAgain() throws IOException {
    // WHEN
    writer().write();

    // THEN
    try (Checkpoint checkpoint = Checkpoint.open(target)) {
      assertThat(checkpoint.tensors()).isEmpty();
    }
  }

  @Test
  void copiedAndSelectedTensorsKeepTheirBytes() throws IOException {
    // GIVEN
    String header = "{\"w\":{\"dtype\":\"BF16\",\"shape\":[2,2],\"data_offsets\":[0,8]}}";
    ModelFolder folder = ModelFolder.in(temp).weights(header, ModelFolder.counting(8));
    try (Checkpoint source = Checkpoint.open(folder.path)) {
      TensorOutput copy = new TensorOutput(source.tensor("w"), source.content("w"));
      TensorOutput cut =
          new TensorOutput(
              new TensorInfo("cut", TensorType.BF16, new Shape(2, 1)),
              source.select("w", 1, ImmutableIntArray.of(1)));

      // WHEN
      writer().source(folder.path).tensors(List.of(copy, cut)).write();
    }

    // THEN
    byte[] written = Files.readAllBytes(target.resolve("model.safetensors"));
    assertThat(written).endsWith(0, 1, 2, 3, 4, 5, 6, 7, 2, 3, 6, 7);
  }

  @Test
  void shardsAreFilledInOrderUpToTheirSize() throws IOException {
    // WHEN 3 + 2 bytes fit into 5, 4 more do not
    writer().tensors(TENSORS).maxShardBytes(5).write();

    // THEN
    assertThat(files(target).keySet())
        .containsExactly(
            "config.json",
            "minillm-manifest.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json");
    assertThat(JsonParser.parseString(Files.readString(target.resolve(WeightFiles.INDEX))))
        .isEqualTo(
            JsonParser.parseString(
                "{\"metadata\":{\"total_size\":9},\"weight_map\":{"
                    + "\"a\":\"model-00001-of-00002.safetensors\","
                    + "\"b\":\"model-00001-of-00002.safetensors\","
                    + "\"c\":\"model-00002-of-00002.safetensors\"}}"));
    try (Checkpoint checkpoint = Checkpoint.open(target)) {
      assertThat(checkpoint.tensors().keySet()).containsExactly("b", "a", "c");
    }
  }

  @Test
  void aTensorLargerThanAShardHasOneOfItsOwn() throws IOException {
    // WHEN
    writer().tensors(TENSORS).maxShardBytes(1).write();

    // THEN
    assertThat(files(target)).containsKey("model-00003-of-00003.safetensors");
    try (Checkpoint checkpoint = Checkpoint.open(target)) {
      assertThat(checkpoint.tensors().keySet()).containsExactly("b", "a", "c");
    }
  }

  @Test
  void companionsAndTextsAreWrittenAsTheyAre() throws IOException {
    // GIVEN
    byte[] tokenizer = {0, 1, (byte) 0xff};
    Path file = Files.write(temp.resolve("tokenizer.json"), tokenizer);

    // WHEN
    writer().companions(List.of(file)).texts(Map.of("plan.json", "{\"ü\": 1}")).write();

    // THEN
    assertThat(target.resolve("tokenizer.json")).hasBinaryContent(tokenizer);
    assertThat(target.resolve("plan.json")).hasContent("{\"ü\": 1}");
  }

  @Test
  void theManifestListsEveryFileWithSizeAndHash() throws IOException {
    // WHEN
    writer()
        .tensors(TENSORS)
        .texts(Map.of("plan.json", "p"))
        .facts(Map.of("z", "1", "a", "2"))
        .write();

    // THEN
    JsonObject manifest =
        JsonParser.parseString(Files.readString(target.resolve(CheckpointWriter.MANIFEST)))
            .getAsJsonObject();
    assertThat(manifest.get("facts").toString()).isEqualTo("{\"a\":\"2\",\"z\":\"1\"}");
    JsonObject files = manifest.getAsJsonObject("files");
    assertThat(files.keySet()).containsExactly("config.json", "model.safetensors", "plan.json");
    for (String name : files.keySet()) {
      byte[] content = Files.readAllBytes(target.resolve(name));
      JsonObject entry = files.getAsJsonObject(name);
      assertThat(entry.get("bytes").getAsLong()).isEqualTo(content.length);
      assertThat(entry.get("sha256").getAsString())
          .isEqualTo(Hashing.sha256().hashBytes(content).toString());
    }
  }

  @Test
  void theSameInputsGiveTheSameBytes() throws IOException {
    // GIVEN
    Path other = temp.resolve("other");

    // WHEN
    for (Path folder : List.of(target, other)) {
      new CheckpointWriter(folder, false)
          .tensors(TENSORS)
          .maxShardBytes(5)
          .facts(Map.of("z", "1", "a", "2", "m", "3"))
          .write();
    }

    // THEN
    assertThat(files(target)).isEqualTo(files(other));
  }

  @Test
  void theProgressAddsUpToTheWeightFiles() throws IOException {
    // GIVEN
    AtomicLong total = new AtomicLong();

    // WHEN
    writer().tensors(TENSORS).maxShardBytes(5).onProgress(total::addAndGet).write();

    // THEN
    try (Checkpoint checkpoint = Checkpoint.open(target)) {
      assertThat(total.get()).isEqualTo(checkpoint.bytes());
    }
  }

  @Test
  void aContentOfTheWrongLengthIsRefusedAndNothingStays() {
    // GIVEN
    TensorOutput wrong =
        new TensorOutput(
            new TensorInfo("w", TensorType.F32, new Shape(2)),
            out -> out.write(ByteBuffer.allocate(7)));

    // WHEN / THEN
    assertThatExceptionOfType(IllegalStateException.class)
        .isThrownBy(() -> writer().tensors(List.of(wrong)).write())
        .withMessage("w: its content is 7 bytes, expected 8 ((2) of F32)");
    assertThat(temp).isEmptyDirectory();
  }

  @Test
  void aContentThatFailsLeavesNothingBehind() {
    // GIVEN
    TensorOutput failing =
        new TensorOutput(
            new TensorInfo("w", TensorType.F32, new Shape(2)),
            out -> {
              out.write(ByteBuffer.allocate(4));
              throw new IOException("disk on fire");
            });

    // WHEN / THEN
    assertThatExceptionOfType(IOException.class)
        .isThrownBy(() -> writer().tensors(List.of(TENSORS.get(0), failing)).write())
        .withMessage("disk on fire");
    assertThat(temp).isEmptyDirectory();
  }

  @Test
  void weightsThatDoNotFitOnTheDiskAreRefusedBeforeTheyAreWritten() {
    // GIVEN
    TensorOutput huge =
        new TensorOutput(
            new TensorInfo("w", TensorType.U8, new Shape(Long.MAX_VALUE)),
            out -> {
              throw new AssertionError("written");
            });

    // WHEN / THEN
    assertThatExceptionOfType(FileSystemException.class)
        .isThrownBy(() -> writer().tensors(List.of(huge)).write())
        .withMessageContaining("9223372036854775807 bytes of weights, but only");
    assertThat(temp).isEmptyDirectory();
  }

  @Test
  void noNameIsWrittenTwice() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> writer().tensors(List.of(TENSORS.get(0), TENSORS.get(0))))
        .withMessageContaining("tensor b stands twice");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> writer().texts(Map.of("config.json", "")).write())
        .withMessageContaining("two files named config.json");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> writer().texts(Map.of("model.safetensors", "")).write())
        .withMessageContaining("the name of a weight file");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> writer().tensors(List.of(tensor("__metadata__", 1, 0))));
    assertThat(temp).isEmptyDirectory();
  }

  @Test
  void textsLieInTheFolder() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> writer().texts(Map.of("../plan.json", "")))
        .withMessageContaining("not a plain file name");
  }

  private CheckpointWriter writer() {
    return new CheckpointWriter(target, false);
  }

  static TensorOutput tensor(String name, int bytes, int first) {
    byte[] data = ModelFolder.counting(first + bytes);
    return new TensorOutput(
        new TensorInfo(name, TensorType.U8, new Shape(bytes)),
        out -> out.write(ByteBuffer.wrap(data, first, bytes)));
  }

  private static SortedMap<String, String> files(Path folder) throws IOException {
    SortedMap<String, String> files = new TreeMap<>();
    try (Stream<Path> list = Files.list(folder)) {
      for (Path file : list.toList()) {
        files.put(
            file.getFileName().toString(),
            Hashing.sha256().hashBytes(Files.readAllBytes(file)).toString());
      }
    }
    return files;
  }
}
