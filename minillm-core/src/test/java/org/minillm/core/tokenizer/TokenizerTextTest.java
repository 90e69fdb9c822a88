package org.minillm.core.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.minillm.core.files.MalformedFileException;

class TokenizerTextTest {

  private static final String LLAMA = "{\"model_type\":\"llama\"}";
  private static final String OPT = "{\"model_type\":\"opt\"}";

  @TempDir Path folder;

  private void write(String name, String text) throws IOException {
    Files.writeString(folder.resolve(name), text);
  }

  private void writeByteLevel() throws IOException {
    write("config.json", OPT);
    write("vocab.json", "{\"a\":0,\"b\":1,\"ab\":2,\"abb\":3}");
    write("merges.txt", "#version: 0.2\na b\nab b\n");
  }

  private JsonObject model() throws IOException {
    return JsonParser.parseString(TokenizerText.of(folder).json())
        .getAsJsonObject()
        .getAsJsonObject("model");
  }

  private static JsonArray json(String array) {
    return JsonParser.parseString(array).getAsJsonArray();
  }

  @Test
  void mergesOfPiecesAreTheirPartsTheBetterFirst() throws IOException {
    // GIVEN ab and abb, of which the first has the score -0: not less than that of a mark, 0
    write("config.json", LLAMA);
    Files.write(folder.resolve("tokenizer.model"), ModelBytes.sound().with(2, 0));

    // WHEN / THEN
    assertThat(model().getAsJsonArray("merges")).isEqualTo(json("[[\"a\",\"b\"],[\"ab\",\"b\"]]"));
  }

  @Test
  void mergesOfOneScoreGoByTheLengthOfTheirParts() throws IOException {
    write("config.json", LLAMA);
    Files.write(
        folder.resolve("tokenizer.model"),
        ModelBytes.sound().piece("bb", -1, 1).piece("😀b", -1, 1).piece("😀", -9, 1).with(2, 0));
    assertThat(model().getAsJsonArray("merges"))
        .isEqualTo(
            json("[[\"a\",\"b\"],[\"ab\",\"b\"],[\"a\",\"bb\"],[\"b\",\"b\"],[\"😀\",\"b\"]]"));
  }

  @Test
  void mergesAreThoseOfTheFileWithoutItsFirstLine() throws IOException {
    writeByteLevel();
    assertThat(model().getAsJsonArray("merges")).isEqualTo(json("[[\"a\",\"b\"],[\"ab\",\"b\"]]"));
  }

  @Test
  void aMergeThatOccursAgainCountsOnce() throws IOException {
    writeByteLevel();
    write("merges.txt", "a b\r\nab b\r\na b");
    assertThat(model().getAsJsonArray("merges")).isEqualTo(json("[[\"a\",\"b\"],[\"ab\",\"b\"]]"));
  }

  @Test
  void theFileThatMessagesNameIsTheOneWithTheTokens() throws IOException {
    writeByteLevel();
    assertThat(TokenizerText.of(folder).file()).isEqualTo(folder.resolve("vocab.json"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "vocab.json | | vocab.json: not valid JSON (it is empty)",
        "vocab.json | version https://git-lfs.github.com/spec/v1 |"
            + " vocab.json: not valid JSON but a Git LFS pointer to the file; get the file itself",
        "vocab.json | {\"a\":0,\"b\" | vocab.json: not valid JSON at line 1",
        "vocab.json | {} | vocab.json: it has no tokens; copy it of the model again",
        "vocab.json | {\"a\":0,\"b\":0} | vocab.json: b: another token has the id 0, too",
        "vocab.json | {\"a\":-1} | vocab.json: a: expected a token id from 0 to 16777216, found -1",
        "vocab.json | {\"a\":4294967296} | vocab.json: a: expected an integer, found 4294967296",
        "merges.txt | version https://git-lfs.github.com/spec/v1 |"
            + " merges.txt, line 1: a Git LFS pointer to the file; get the file itself",
        "merges.txt | | merges.txt: it has no merges; copy it of the model again",
        "merges.txt | a b c | merges.txt, line 1: expected two tokens with a space between, found"
            + " \"a b c\"; copy it of the model again, or tokenizer.json",
        "merges.txt | b a | merges.txt, line 1: vocab.json lacks one of the two tokens or what",
        "tokenizer_config.json | {\"tokenizer_class\":\"BloomTokenizer\"} | tokenizer_config.json:"
            + " tokenizer_class \"BloomTokenizer\", whose older files are not read; those of these"
            + " classes are: GPT2Tokenizer, Qwen2Tokenizer, LlamaTokenizer, T5Tokenizer; copy"
            + " tokenizer.json of the model into the folder",
        "tokenizer_config.json | {\"tokenizer_class\":1} |"
            + " tokenizer_config.json: tokenizer_class: expected a string, found 1",
        "tokenizer_config.json | {\"add_prefix_space\":\"yes\"} |"
            + " tokenizer_config.json: add_prefix_space: expected true or false, found \"yes\"",
        "tokenizer_config.json | {\"added_tokens_decoder\":{\"7\":{\"content\":\"<x>\"}}} |"
            + " tokenizer_config.json: the token \"<x>\" has the id 7 there, but would get the id 4",
        "tokenizer_config.json | {\"added_tokens_decoder\":{\"x\":{\"content\":\"<x>\"}}} |"
            + " tokenizer_config.json: added_tokens_decoder.x: expected a token id, from 0 on",
        "added_tokens.json | {\"<x>\":4,\"<y>\":4} |"
            + " added_tokens.json: two tokens have the id 4",
        "special_tokens_map.json | {\"bos_token\":3} |"
            + " special_tokens_map.json: bos_token: expected a string, found 3",
        "config.json | {\"model_type\":\"bloom\"} | tokenizer_config.json: no tokenizer_class is"
            + " said, and model_type of config.json, \"bloom\", does not tell it",
        "config.json | {} | tokenizer_config.json: no tokenizer_class is said, and model_type of"
            + " config.json, absent, does not tell it",
      })
  void whatIsWrongIsSaidWithTheFile(String name, String content, String words) throws IOException {
    writeByteLevel();
    write(name, content == null ? "" : content);
    assertThatThrownBy(() -> TokenizerText.of(folder))
        .isInstanceOf(MalformedFileException.class)
        .hasMessageStartingWith(folder + File.separator + words);
  }

  @Test
  void aSettingThatIsNullIsNotSaid() throws IOException {
    write("config.json", LLAMA);
    Files.write(folder.resolve("tokenizer.model"), ModelBytes.sound().with(2, 0));
    String without = TokenizerText.of(folder).json();
    write("tokenizer_config.json", "{\"add_prefix_space\":null,\"legacy\":null}");
    assertThat(TokenizerText.of(folder).json()).isEqualTo(without).contains("Prepend");
  }

  @ParameterizedTest
  @CsvSource({
    "LlamaTokenizerFast, tokenizer.model",
    "T5TokenizerFast, spiece.model",
    "Qwen2Tokenizer, vocab.json"
  })
  void theClassIsThatOfTheTokenizerBeforeThatOfTheModel(String name, String file)
      throws IOException {
    writeByteLevel();
    Files.write(folder.resolve("tokenizer.model"), ModelBytes.sound().with(2, 0));
    Files.write(folder.resolve("spiece.model"), ModelBytes.sound().with(2, 0));
    write("tokenizer_config.json", "{\"tokenizer_class\":\"" + name + "\"}");
    assertThat(TokenizerText.of(folder).file()).isEqualTo(folder.resolve(file));
  }

  @Test
  void aMissingHalfIsNamed() throws IOException {
    writeByteLevel();
    Files.delete(folder.resolve("merges.txt"));
    assertThatThrownBy(() -> TokenizerText.of(folder))
        .isInstanceOf(NoSuchFileException.class)
        .hasMessage(
            folder.resolve("merges.txt")
                + ": no such file, which belongs to vocab.json; copy it of the model again, or"
                + " tokenizer.json");
  }

  @Test
  void theFormOfAnotherClassIsNotTaken() throws IOException {
    writeByteLevel();
    write("config.json", LLAMA);
    assertThatThrownBy(() -> TokenizerText.of(folder))
        .isInstanceOf(NoSuchFileException.class)
        .hasMessage(
            folder.resolve("tokenizer.model")
                + ": no such file, which a LlamaTokenizer is read from; copy it of the model, or"
                + " tokenizer.json");
  }

  @Test
  void piecesThatCannotBePartedInTimeAreRefused() throws IOException {
    write("config.json", LLAMA);
    Files.write(
        folder.resolve("tokenizer.model"),
        ModelBytes.sound().piece("x".repeat(100_000), 0, 1).with(2, 0));
    assertThatThrownBy(() -> TokenizerText.of(folder))
        .isInstanceOf(MalformedFileException.class)
        .hasMessageContaining("tokenizer.model: its pieces are too long");
  }
}
