package org.minillm.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.MalformedFileException;
import org.minillm.core.runtime.CausalLm;

class TokenizerMetadataTest {

  private static final String SPLIT =
      "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"%s\"}, \"behavior\": \"Isolated\", \"invert\": false}";
  private static final String BYTES =
      "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": %s}";
  private static final String LLAMA3 =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}"
          + "| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+";
  private static final String BLOOM = " ?[^(\\\\s|[.,!?…。，、।۔،])]+";

  @TempDir Path temp;

  private static String sequence(String... steps) {
    return "{\"type\": \"Sequence\", \"pretokenizers\": [" + String.join(", ", steps) + "]}";
  }

  private static TokenizerJson tokenizer(String preTokenizer, boolean ignoreMerges) {
    String json =
        "{\"pre_tokenizer\": %s, \"model\": {\"type\": \"BPE\", \"ignore_merges\": %s}}"
            .formatted(preTokenizer, ignoreMerges);
    return new TokenizerJson(
        JsonNode.parse(json), java.util.List.of(), Map.of(), java.util.List.of());
  }

  static Stream<Arguments> names() {
    String bytes = BYTES.formatted("false");
    return Stream.of(
        Arguments.of("gpt-2", BYTES.formatted("true"), false),
        Arguments.of(
            "smollm",
            sequence(
                "{\"type\": \"Digits\", \"individual_digits\": true}", BYTES.formatted("true")),
            false),
        Arguments.of("llama-bpe", sequence(SPLIT.formatted(LLAMA3), bytes), true),
        Arguments.of("dbrx", sequence(SPLIT.formatted(LLAMA3), bytes), false),
        Arguments.of("qwen2", sequence(SPLIT.formatted(LLAMA3.replace("{1,3}", "")), bytes), false),
        Arguments.of("bloom", sequence(SPLIT.formatted(BLOOM), bytes), false));
  }

  @ParameterizedTest
  @MethodSource("names")
  void rulesHaveTheirName(String name, String preTokenizer, boolean ignoreMerges) {
    assertThat(PreTokenizer.name(tokenizer(preTokenizer, ignoreMerges))).isEqualTo(name);
  }

  static Stream<String> unknown() {
    return Stream.of(
        "null",
        "{\"type\": \"Whitespace\"}",
        BYTES.formatted("false"),
        BYTES
            .formatted("true")
            .replace("\"add_prefix_space\": false", "\"add_prefix_space\": true"),
        sequence("{\"type\": \"Digits\", \"individual_digits\": false}", BYTES.formatted("true")),
        sequence(SPLIT.formatted(LLAMA3.replace("{1,3}", "{1,2}")), BYTES.formatted("false")));
  }

  @ParameterizedTest
  @MethodSource("unknown")
  void otherRulesAreRefusedNotGuessed(String preTokenizer) {
    assertThatThrownBy(() -> PreTokenizer.name(tokenizer(preTokenizer, false)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("pre_tokenizer");
  }

  /** tiny-llama with another tokenizer.json. */
  private Path changed(UnaryOperator<String> change) throws IOException {
    Path folder = Models.tinyLlama(temp);
    Path file = folder.resolve("tokenizer.json");
    Files.writeString(file, change.apply(Files.readString(file)));
    return folder;
  }

  private static Map<String, GgufValue> read(Path folder) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      return TokenizerMetadata.read(checkpoint, 4096);
    }
  }

  @Test
  void specialTokensAreThoseOfTheConfig() throws IOException {
    Map<String, GgufValue> keys = read(Models.tinyLlama(temp));
    assertThat(keys)
        .containsEntry("tokenizer.ggml.model", GgufValue.text("gpt2"))
        .containsEntry("tokenizer.ggml.pre", GgufValue.text("gpt-2"))
        .containsEntry("tokenizer.ggml.bos_token_id", GgufValue.uint32(1))
        .containsEntry("tokenizer.ggml.eos_token_id", GgufValue.uint32(2))
        .containsEntry("tokenizer.ggml.unknown_token_id", GgufValue.uint32(0))
        .containsEntry("tokenizer.ggml.padding_token_id", GgufValue.uint32(3))
        .containsEntry("tokenizer.ggml.add_bos_token", GgufValue.flag(false));
  }

  @Test
  void whatAPostProcessorPutsBeforeATextIsSaid() throws IOException {
    Path folder =
        changed(
            json -> {
              var root = com.google.gson.JsonParser.parseString(json).getAsJsonObject();
              root.add(
                  "post_processor",
                  com.google.gson.JsonParser.parseString(
                      "{\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\":"
                          + " \"<s>\", \"type_id\": 0}}, {\"Sequence\": {\"id\": \"A\","
                          + " \"type_id\": 0}}]}"));
              return root.toString();
            });
    assertThat(read(folder))
        .containsEntry("tokenizer.ggml.add_bos_token", GgufValue.flag(true))
        .containsEntry("tokenizer.ggml.add_eos_token", GgufValue.flag(false));
  }

  @Test
  void aChatTemplateOfItsOwnFileIsTaken() throws IOException {
    Path folder = Models.tinyLlama(temp);
    Files.writeString(folder.resolve("chat_template.jinja"), "{{ messages }}");
    assertThat(read(folder))
        .containsEntry("tokenizer.chat_template", GgufValue.text("{{ messages }}"));
  }

  @Test
  void aFolderWithoutATokenizerIsRefusedWithTheRemedy() throws IOException {
    Path folder = Models.tinyLlama(temp);
    Files.delete(folder.resolve("tokenizer.json"));
    assertThatThrownBy(() -> read(folder))
        .isInstanceOf(MalformedFileException.class)
        .hasMessageContaining("no tokenizer.json")
        .hasMessageContaining("\"template\"");
  }

  @Test
  void aTokenizerOfAnotherKindIsRefusedByName() throws IOException {
    Path folder =
        changed(
            json ->
                json.replace("\"type\": \"BPE\"", "\"type\": \"Unigram\"")
                    .replace("\"type\":\"BPE\"", "\"type\":\"Unigram\""));
    assertThatThrownBy(() -> read(folder))
        .isInstanceOf(MalformedFileException.class)
        .hasMessageContaining("Unigram");
  }

  @Test
  void tokensBeyondTheEmbeddingAreRefused() throws IOException {
    Path folder = Models.tinyLlama(temp);
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertThatThrownBy(() -> TokenizerMetadata.read(checkpoint, 4000))
          .isInstanceOf(MalformedFileException.class)
          .hasMessageContaining("expected ids below 4000");
    }
  }

  @Test
  void piecesOfSentencePieceAreOursInLlamaCpp() throws IOException {
    // GIVEN a model of 256 tokens with pieces
    Path folder = Models.random("llama-bf16", temp);
    Files.writeString(folder.resolve("tokenizer.json"), Pieces.tokenizer());
    Files.writeString(
        folder.resolve("tokenizer_config.json"),
        "{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\", \"unk_token\": \"<unk>\"}");
    String text = "the other  theme, then he the\nthéthere";

    try (CausalLm model = CausalLm.open(folder);
        var tokenizer = model.tokenizer();
        LlamaCpp theirs =
            LlamaCpp.open(Models.convert(model, new GgufExport(), temp.resolve("pieces.gguf")))) {
      // WHEN / THEN
      assertThat(theirs.encode(text)).containsExactly(tokenizer.encode(text));
    }
  }

  @Test
  void mergesThatNoScoresGiveAreRefused() throws IOException {
    Path folder = Models.random("llama-bf16", temp);
    // GIVEN 'h' and 'e' are not merged, though there is a piece
    Files.writeString(
        folder.resolve("tokenizer.json"), Pieces.tokenizer().replace("\"h e\", ", ""));
    Files.writeString(folder.resolve("tokenizer_config.json"), "{\"eos_token\": \"</s>\"}");
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertThatThrownBy(() -> TokenizerMetadata.read(checkpoint, 256))
          .isInstanceOf(MalformedFileException.class)
          .hasMessageContaining("'h' and 'e' are not merged");
    }
  }
}
