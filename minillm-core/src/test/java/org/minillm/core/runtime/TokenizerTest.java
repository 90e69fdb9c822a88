package org.minillm.core.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TokenizerTest {

  private static final int VOCABULARY = 122;

  @TempDir Path folder;

  private Tokenizer open(String name, int vocabulary) throws IOException {
    Files.copy(
        Path.of("src/test/resources/tokenizers", name + ".json"), folder.resolve("tokenizer.json"));
    return Tokenizer.open(folder, vocabulary, MemoryBudget.ofThisMachine());
  }

  /** The ids that Hugging Face's tokenizers for Python gives, without special tokens. */
  @ParameterizedTest
  @CsvSource({
    "byte-level, 69 116 85 111 93 23 58 94",
    "llama, 45 72 108 91 45 79 104 100",
    "unigram, 3 53 37 8 3 40 11 21",
  })
  void tokenisesAsTheLibraryDoesForOtherLanguages(String name, String ids) throws IOException {
    try (Tokenizer tokenizer = open(name, VOCABULARY)) {
      assertThat(tokenizer.encode("The quick brown fox jumps over the lazy dog."))
          .startsWith(Arrays.stream(ids.split(" ")).mapToInt(Integer::parseInt).toArray());
    }
  }

  @Test
  void decodesWhatItEncoded() throws IOException {
    try (Tokenizer tokenizer = open("byte-level", VOCABULARY)) {
      assertThat(tokenizer.decode(tokenizer.encode("naïve café!"))).isEqualTo("naïve café!");
      assertThat(tokenizer.decode(new int[0])).isEmpty();
    }
  }

  @Test
  void aTokenBeyondTheModelIsNamedWithItsFileAndTheRemedy() throws IOException {
    // GIVEN a tokenizer with one token more than the model, <end>
    try (Tokenizer tokenizer = open("byte-level", VOCABULARY - 1)) {
      // WHEN / THEN
      assertThatThrownBy(() -> tokenizer.encode("the<end>"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              folder.resolve("tokenizer.json")
                  + ": the text has the token \"<end>\", which has the id 121 there, but the model"
                  + " has the tokens 0 to 120 only (vocab_size); use the tokenizer.json of this very"
                  + " model, or take the token out of the text");
      assertThat(tokenizer.encode("the")).isNotEmpty();
    }
  }

  @Test
  void halfACharacterIsRefusedBeforeItGarblesTheText() throws IOException {
    try (Tokenizer tokenizer = open("byte-level", VOCABULARY)) {
      assertThatThrownBy(() -> tokenizer.encode("ab\uD83D"))
          .hasMessage(
              "character 2 of the text is half of a surrogate pair (U+d83d), expected both halves");
    }
  }

  @Test
  void aNegativeIdIsRefused() throws IOException {
    try (Tokenizer tokenizer = open("byte-level", VOCABULARY)) {
      assertThatThrownBy(() -> tokenizer.decode(new int[] {-1}))
          .hasMessage("token id -1: expected at least 0");
    }
  }

  @Test
  void aClosedOneSaysSo() throws IOException {
    Tokenizer tokenizer = open("byte-level", VOCABULARY);
    tokenizer.close();
    tokenizer.close();
    assertThatThrownBy(() -> tokenizer.encode("a"))
        .hasMessageMatching("the tokenizer .*tokenizer.json is closed; open it again");
  }

  @Test
  void anAbsentOneSaysHowToGetIt() throws IOException {
    Files.createFile(folder.resolve("config.json"));
    assertThatThrownBy(() -> Tokenizer.open(folder, VOCABULARY, MemoryBudget.ofThisMachine()))
        .isInstanceOf(NoSuchFileException.class)
        .hasMessage(
            folder.resolve("tokenizer.json")
                + ": no such file; copy tokenizer.json of the model into the folder, or the older"
                + " form that it has: vocab.json and merges.txt, or tokenizer.model");
  }

  @Test
  void aPointerOfGitLfsSaysSo() throws IOException {
    Files.writeString(
        folder.resolve("tokenizer.json"), "version https://git-lfs.github.com/spec/v1\noid 1\n");
    assertThatThrownBy(() -> Tokenizer.open(folder, VOCABULARY, MemoryBudget.ofThisMachine()))
        .hasMessageEndingWith(
            "tokenizer.json: not valid JSON but a Git LFS pointer to the file; get the file itself"
                + " with 'git lfs pull'");
  }
}
