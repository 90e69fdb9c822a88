package org.minillm.core.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIOException;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.assertj.core.api.ThrowableAssertAlternative;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.files.MalformedFileException;

class CheckpointFolderTest {

  private static final String A = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
  private static final String B = A.replace("\"a\"", "\"b\"");

  @TempDir Path temp;

  @Test
  void aMissingFolderIsToldAsSuch() {
    assertThatIOException()
        .isThrownBy(() -> Checkpoint.open(temp.resolve("none")))
        .withMessageContaining("none: no such folder");
  }

  @Test
  void aFileIsNoFolder() throws IOException {
    // GIVEN
    Path file = Files.createFile(temp.resolve("model.safetensors"));

    // WHEN / THEN
    assertThatIOException()
        .isThrownBy(() -> Checkpoint.open(file))
        .withMessageContaining("not a folder");
  }

  @Test
  void aFolderWithoutConfigIsNoModel() {
    assertThatExceptionOfType(MalformedCheckpointException.class)
        .isThrownBy(() -> Checkpoint.open(temp))
        .withMessageContaining(temp + ": no config.json");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{", "{a:1}", "[]", "1", "null", "{} x"})
  void aConfigThatIsNoJsonObjectIsRefused(String config) {
    // GIVEN
    ModelFolder folder = ModelFolder.in(temp).text("config.json", config).weights(A, (byte) 0);

    // WHEN / THEN
    assertThatExceptionOfType(MalformedFileException.class)
        .isThrownBy(() -> Checkpoint.open(folder.path))
        .withMessageContaining("config.json: ");
  }

  @Test
  void aFolderWithoutWeightsSaysWhatItLooksFor() {
    // GIVEN
    ModelFolder folder = ModelFolder.in(temp);

    // WHEN / THEN
    assertThatExceptionOfType(MalformedCheckpointException.class)
        .isThrownBy(() -> Checkpoint.open(folder.path))
        .withMessageContaining("no weights, expected model.safetensors, pytorch_model.bin or");
  }

  @ParameterizedTest
  @CsvSource({
    "consolidated.00.pth,convert them",
    "model-00001-of-00002.safetensors,shards without their index",
    "pytorch_model-00001-of-00002.bin,shards without their index",
    "model.safetensors.incomplete,a download that was not finished",
    "adapter_model.safetensors,the adapter of another model",
    "model-q4.gguf,name the file in place of the folder"
  })
  void whatIsThereInPlaceOfWeightsIsNamedWithTheRemedy(String file, String remedy) {
    // GIVEN
    ModelFolder folder = ModelFolder.in(temp).text(file, "");

    // WHEN / THEN
    assertThatExceptionOfType(MalformedCheckpointException.class)
        .isThrownBy(() -> Checkpoint.open(folder.path))
        .withMessageContaining("only " + file)
        .withMessageContaining(remedy);
  }

  @Test
  void theConfigIsTheCallersToChange() throws IOException {
    // GIVEN
    ModelFolder folder =
        ModelFolder.in(temp).text("config.json", "{\"eps\":1e-05,\"theta\":10000.0}").weights("{}");
    try (Checkpoint checkpoint = Checkpoint.open(folder.path)) {
      // WHEN
      checkpoint.config().addProperty("eps", 2);

      // THEN
      JsonObject config = checkpoint.config();
      assertThat(config.get("eps").getAsString()).isEqualTo("1e-05");
      assertThat(config.get("theta").getAsString()).isEqualTo("10000.0");
    }
  }

  @Test
  void shardsAreOneCheckpoint() throws IOException {
    // GIVEN
    ModelFolder folder =
        shards("{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\"}")
            .bytes("1.safetensors", ModelFolder.safetensors(A, (byte) 1))
            .bytes("2.safetensors", ModelFolder.safetensors(B, (byte) 2));

    // WHEN
    try (Checkpoint checkpoint = Checkpoint.open(folder.path)) {
      // THEN
      assertThat(checkpoint.tensors().keySet()).containsExactly("a", "b");
      assertThat(checkpoint.contains("b")).isTrue();
      assertThat(checkpoint.contains("c")).isFalse();
      assertThat(checkpoint.bytes()).isEqualTo(2 * (8 + A.length() + 1));
      assertThat(checkpoint.path()).isEqualTo(folder.path);
    }
  }

  @Test
  void aSingleFileGoesBeforeAnIndex() throws IOException {
    // GIVEN
    ModelFolder folder = shards("{\"b\":\"none\"}").weights(A, (byte) 1);

    // WHEN
    try (Checkpoint checkpoint = Checkpoint.open(folder.path)) {
      // THEN
      assertThat(checkpoint.tensors().keySet()).containsExactly("a");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"../x", "/etc/x", "a/x", "a\\\\x", "..", ".", "", "C:x", "a\\u0000b", "x..y"})
  void shardsLieInTheFolder(String shard) {
    assertThatIndexIsMalformed("{\"a\":\"" + shard + "\"}")
        .withMessageContaining("index.json: weight_map.a: ")
        .withMessageContaining("expected the plain name of a file");
  }

  @ParameterizedTest
  @ValueSource(strings = {"[]", "null", "\"a\"", "{}", "{\"a\":1}", "{\"a\":null}", "{\"a\":{}}"})
  void theWeightMapNamesFiles(String weightMap) {
    assertThatIndexIsMalformed(weightMap).withMessageContaining("index.json: ");
  }

  @Test
  void aMissingShardIsNamed() {
    assertThatIndexIsMalformed("{\"a\":\"1.safetensors\"}")
        .withMessageContaining("names 1.safetensors, which is not in the folder");
  }

  @Test
  void aTensorIsInTheShardThatTheIndexNames() {
    // GIVEN
    ModelFolder folder =
        shards("{\"a\":\"2.safetensors\",\"b\":\"1.safetensors\"}")
            .bytes("1.safetensors", ModelFolder.safetensors(A, (byte) 1))
            .bytes("2.safetensors", ModelFolder.safetensors(B, (byte) 2));

    // WHEN / THEN
    assertThatExceptionOfType(MalformedCheckpointException.class)
        .isThrownBy(() -> Checkpoint.open(folder.path))
        .withMessageContaining("a should be in 2.safetensors, but is in 1.safetensors");
  }

  @Test
  void aTensorOfTheIndexIsInSomeShard() {
    // GIVEN
    ModelFolder folder =
        shards("{\"a\":\"1.safetensors\",\"c\":\"1.safetensors\"}")
            .bytes("1.safetensors", ModelFolder.safetensors(A, (byte) 1));

    // WHEN / THEN
    assertThatExceptionOfType(MalformedCheckpointException.class)
        .isThrownBy(() -> Checkpoint.open(folder.path))
        .withMessageContaining("c should be in 1.safetensors, but is in no shard");
  }

  @Test
  void aTensorInTwoShardsIsRefused() {
    // GIVEN
    ModelFolder folder =
        shards("{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\"}")
            .bytes("1.safetensors", ModelFolder.safetensors(A, (byte) 1))
            .bytes("2.safetensors", ModelFolder.safetensors(A, (byte) 2));

    // WHEN / THEN
    assertThatExceptionOfType(MalformedCheckpointException.class)
        .isThrownBy(() -> Checkpoint.open(folder.path))
        .withMessageContaining("a stands in two shards, 1.safetensors and 2.safetensors");
  }

  @Test
  void companionsAreTheFilesThatACopyNeeds() throws IOException {
    // GIVEN
    ModelFolder folder = ModelFolder.in(temp).weights("{}");
    String[] companions = {
      "LICENSE",
      "LICENSE.txt",
      "NOTICE",
      "added_tokens.json",
      "chat_template.jinja",
      "generation_config.json",
      "merges.txt",
      "special_tokens_map.json",
      "spiece.model",
      "tokenizer.json",
      "tokenizer.model",
      "tokenizer_config.json",
      "vocab.json"
    };
    for (String name : companions) {
      folder.text(name, "");
    }
    folder.text("README.md", "").text("model.gguf", "").text("training_args.bin", "");
    Files.createDirectory(folder.path.resolve("tokenizer"));

    // WHEN
    try (Checkpoint checkpoint = Checkpoint.open(folder.path)) {
      // THEN
      assertThat(checkpoint.companions())
          .extracting(path -> path.getFileName().toString())
          .containsExactly(companions);
    }
  }

  private ModelFolder shards(String weightMap) {
    return ModelFolder.in(temp)
        .text("model.safetensors.index.json", "{\"weight_map\":" + weightMap + "}");
  }

  private ThrowableAssertAlternative<MalformedFileException> assertThatIndexIsMalformed(
      String weightMap) {
    ModelFolder folder = shards(weightMap);
    return assertThatExceptionOfType(MalformedFileException.class)
        .isThrownBy(() -> Checkpoint.open(folder.path));
  }
}
