package org.minillm.core.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Damaged files are opened by a process of their own, which native code might end. */
class DamagedTokenizerTest {

  private static final String[] SOUND = {"byte-level", "llama", "prefix", "unigram", "wordpiece"};
  private static final int MUTATIONS = 400;

  @TempDir static Path folder;

  /** By the name of the damage. */
  private static final Map<String, String> OUTCOMES = new HashMap<>();

  private static int exitCode;

  @BeforeAll
  static void openDamagedFiles() throws Exception {
    for (String name : SOUND) {
      write(name, sound(name));
    }
    writeDamages();
    writeMutations();
    Path output = folder.resolveSibling(folder.getFileName() + ".out");
    Process process =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElse("java"),
                "-Dai.djl.offline=true",
                "-Dstdout.encoding=UTF-8",
                "-cp",
                System.getProperty("java.class.path"),
                OpenedTokenizers.class.getName(),
                folder.toString())
            .redirectOutput(output.toFile())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
    exitCode = process.exitValue();
    for (String line : Files.readAllLines(output)) {
      OUTCOMES.put(line.substring(0, line.indexOf(": ")), line.substring(line.indexOf(": ") + 2));
    }
    Files.delete(output);
  }

  private static void writeDamages() throws IOException {
    String json = sound("byte-level");
    write("cut", json.substring(0, json.indexOf("\"decoder\"") + 40));
    write("too-large", withDecoder("{\"type\":\"ByteLevel\",\"x\":1e400}"));
    write("syntax", withDecoder("{\"type\":\"ByteLevel\",,}"));
    write("half-pair", withDecoder("{\"type\":\"BPEDecoder\",\"suffix\":\"\\ud83d\"}"));
    write("deep", withDecoder("[".repeat(200) + "]".repeat(200)));
    write("very-deep", "[".repeat(100_000));
    write("strip", withDecoder("{\"type\":\"Strip\",\"content\":\" \",\"start\":0,\"stop\":1}"));
    write("prepend", with("normalizer", "{\"type\":\"Prepend\",\"prepend\":\"\"}"));
    write("between", with("normalizer", replaces("\\\\b")));
    write("nothing", with("normalizer", replaces("")));
    write("length", with("pre_tokenizer", "{\"type\":\"FixedLength\",\"length\":0}"));
    write("unknown", with("pre_tokenizer", "{\"type\":\"Telepathy\"}"));
    write(
        "spaces",
        json.replace("\"lstrip\":false,\"rstrip\":false", "\"lstrip\":true,\"rstrip\":true"));
    write("no-base64", with("normalizer", precompiled("?")));
    write("leads-out", with("normalizer", precompiled("BAAAAAD8//8=")));
    write("merge", sound("prefix").replaceFirst("\\[\"(\\w+)\",\"##\\w+\"\\]", "[\"$1\",\"\"]"));
  }

  private static String replaces(String regex) {
    return "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"" + regex + "\"},\"content\":\"x\"}";
  }

  private static String precompiled(String map) {
    return "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"" + map + "\"}";
  }

  private static void writeMutations() throws IOException {
    Random random = new Random(16);
    for (int i = 0; i < MUTATIONS; i++) {
      String json = sound(SOUND[random.nextInt(SOUND.length)]);
      write("mutation-" + i, random.nextBoolean() ? bytes(json, random) : map(json, random));
    }
  }

  /** Changes characters anywhere, which seldom leaves JSON. */
  private static String bytes(String json, Random random) {
    StringBuilder mutated = new StringBuilder(json);
    for (int i = 0; i <= random.nextInt(3); i++) {
      String other = "0159-.eE\"{}[],: \\aé";
      mutated.setCharAt(
          random.nextInt(json.length()), other.charAt(random.nextInt(other.length())));
    }
    return mutated.toString();
  }

  /** Changes bits of the character map, below its base64, or else a number. */
  private static String map(String json, Random random) {
    int start = json.indexOf("precompiled_charsmap\":\"");
    if (start < 0) {
      return json.replaceFirst("\\b\\d+\\b", Integer.toString(random.nextInt()));
    }
    start = json.indexOf(":\"", start) + 2;
    int end = json.indexOf('"', start);
    byte[] map = Base64.getDecoder().decode(json.substring(start, end));
    map[random.nextInt(map.length)] ^= (byte) (1 << random.nextInt(8));
    return json.substring(0, start) + Base64.getEncoder().encodeToString(map) + json.substring(end);
  }

  private static String withDecoder(String decoder) throws IOException {
    return sound("byte-level")
        .replaceFirst("\"decoder\":\\{[^}]*\\}", "\"decoder\":" + decoder.replace("\\", "\\\\"));
  }

  private static String with(String section, String content) throws IOException {
    JsonObject json = JsonParser.parseString(sound("byte-level")).getAsJsonObject();
    json.add(section, JsonParser.parseString(content));
    return json.toString();
  }

  private static String sound(String name) throws IOException {
    return Files.readString(Path.of("src/test/resources/tokenizers", name + ".json"));
  }

  private static void write(String name, String json) throws IOException {
    Path model = Files.createDirectory(folder.resolve(name));
    Files.writeString(model.resolve("tokenizer.json"), json);
  }

  @Test
  void noneEndsTheProcess() {
    assertThat(exitCode).isZero();
    assertThat(OUTCOMES.values()).noneMatch(outcome -> outcome.startsWith("unforeseen"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"byte-level", "llama", "prefix", "unigram", "wordpiece"})
  void soundOnesOfEveryFormOpen(String name) {
    assertThat(OUTCOMES).containsEntry(name, "opened");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "cut | not valid JSON at line 1 column",
        "too-large | decoder.x: expected a finite number, found 1e400",
        "syntax | not valid JSON at line 1 column",
        "half-pair | half of a surrogate pair (\\ud83d)",
        "deep | nested more than 32 levels deep",
        "very-deep | not valid JSON",
        "strip | decoder.stop: expected 0",
        "prepend | normalizer.prepend: expected one character at least",
        "between | normalizer.pattern: replaces empty text",
        "nothing | normalizer.pattern: replaces empty text",
        "length | pre_tokenizer.length: expected at least 1",
        "unknown | its PreTokenizer is of no form that is known; copy tokenizer.json",
        "spaces | added_tokens[2]: \"lstrip\" of a token that is nothing but spaces",
        "no-base64 | normalizer.precompiled_charsmap: expected a character map in base64",
        "leads-out | normalizer.precompiled_charsmap: a character map that leads out",
        "merge | the second part does not begin with \"##\"",
      })
  void theMessageNamesTheFileThePlaceAndWhatWasExpected(String name, String words) {
    assertThat(OUTCOMES.get(name))
        .startsWith(folder.resolve(name).resolve("tokenizer.json") + ": ")
        .contains(words);
  }
}
