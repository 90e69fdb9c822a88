package org.minillm.core.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.minillm.core.tokenizer.TokenizerText;

/**
 * Folders without tokenizer.json give the ids that transformers gives: goldens of
 * tools/make_tokenizer_goldens.py, texts of many scripts and of odd places.
 */
class OlderTokenizersTest {

  private static final Path SOURCES = Path.of("src/test/resources/tokenizers/slow");
  private static final int VOCABULARY = 3000;

  private static JsonObject goldens = new JsonObject();

  @TempDir Path folder;

  @BeforeAll
  static void readGoldens() throws IOException {
    goldens =
        JsonParser.parseString(Files.readString(SOURCES.resolve("goldens.json"))).getAsJsonObject();
  }

  private static List<String> texts() {
    return strings(goldens.getAsJsonArray("texts"));
  }

  private static Stream<String> cases() throws IOException {
    readGoldens();
    return goldens.getAsJsonArray("cases").asList().stream()
        .map(golden -> golden.getAsJsonObject().get("name").getAsString());
  }

  private JsonObject folderOf(String name) throws IOException {
    JsonObject golden =
        goldens.getAsJsonArray("cases").asList().stream()
            .map(JsonElement::getAsJsonObject)
            .filter(each -> each.get("name").getAsString().equals(name))
            .findFirst()
            .orElseThrow();
    for (Map.Entry<String, JsonElement> file : golden.getAsJsonObject("files").entrySet()) {
      Files.copy(SOURCES.resolve(file.getValue().getAsString()), folder.resolve(file.getKey()));
    }
    Files.writeString(folder.resolve("config.json"), "{\"model_type\":\"llama\"}");
    for (Map.Entry<String, JsonElement> json : golden.getAsJsonObject("jsons").entrySet()) {
      Files.writeString(folder.resolve(json.getKey() + ".json"), json.getValue().toString());
    }
    return golden;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void tokenisesAsTransformersDoes(String name) throws IOException {
    JsonArray ids = folderOf(name).getAsJsonArray("ids");
    List<String> texts = texts();
    assertThat(ids).hasSameSizeAs(texts);
    try (Tokenizer tokenizer = Tokenizer.open(folder, VOCABULARY, MemoryBudget.ofThisMachine())) {
      for (int i = 0; i < texts.size(); i++) {
        assertThat(tokenizer.encode(texts.get(i))).as(texts.get(i)).isEqualTo(ints(ids.get(i)));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void turnsTokensIntoTextAsTransformersDoes(String name) throws IOException {
    JsonObject golden = folderOf(name);
    List<String> decoded = strings(golden.getAsJsonArray("decoded"));
    try (Tokenizer tokenizer = Tokenizer.open(folder, VOCABULARY, MemoryBudget.ofThisMachine())) {
      for (int i = 0; i < decoded.size(); i++) {
        assertThat(tokenizer.decode(ints(golden.getAsJsonArray("ids").get(i))))
            .isEqualTo(decoded.get(i));
      }
    }
  }

  @Test
  void theirTokenizerJsonIsTheSameTokenizer() throws IOException {
    // GIVEN the text that an older form becomes, and a folder that has nothing else
    folderOf("vicuna");
    Path other = Files.createDirectory(folder.resolve("other"));
    Files.writeString(other.resolve("tokenizer.json"), Tokenizer.json(TokenizerText.of(folder)));

    // WHEN / THEN
    String text = texts().get(0);
    try (Tokenizer first = Tokenizer.open(folder, VOCABULARY, MemoryBudget.ofThisMachine());
        Tokenizer second = Tokenizer.open(other, VOCABULARY, MemoryBudget.ofThisMachine())) {
      assertThat(second.encode(text)).isEqualTo(first.encode(text));
    }
    assertThat(Tokenizer.json(TokenizerText.of(other)))
        .isEqualTo(Tokenizer.json(TokenizerText.of(folder)));
  }

  @Test
  void tokenizerJsonGoesBeforeTheOlderForms() throws IOException {
    folderOf("opt");
    Files.copy(SOURCES.resolveSibling("llama.json"), folder.resolve("tokenizer.json"));
    assertThat(Tokenizer.json(TokenizerText.of(folder)))
        .isEqualTo(Files.readString(SOURCES.resolveSibling("llama.json")));
  }

  private static List<String> strings(JsonArray array) {
    return array.asList().stream().map(JsonElement::getAsString).toList();
  }

  private static int[] ints(JsonElement array) {
    return array.getAsJsonArray().asList().stream().mapToInt(JsonElement::getAsInt).toArray();
  }
}
