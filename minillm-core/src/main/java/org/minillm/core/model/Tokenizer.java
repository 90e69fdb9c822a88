package org.minillm.core.model;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import org.minillm.core.files.TextFile;

/**
 * The model's own tokenizer, read from tokenizer.json. Adds no special tokens and truncates
 * nothing: what is measured is the text. Owns native memory: close it.
 */
public final class Tokenizer implements AutoCloseable {

  /** A byte of text leaves that many, as measured on texts of 1 to 10 MB. */
  private static final long BYTES_LEFT = 32;

  private final HuggingFaceTokenizer tokenizer;

  private Tokenizer(HuggingFaceTokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  static Tokenizer open(Path folder) throws IOException {
    Path file = folder.resolve("tokenizer.json");
    if (!Files.isRegularFile(file)) {
      throw new NoSuchFileException(
          file.toString(), null, "no tokenizer; copy tokenizer.json of the model into the folder");
    }
    return new Tokenizer(
        HuggingFaceTokenizer.builder()
            .optTokenizerPath(file)
            .optAddSpecialTokens(false)
            .optTruncation(false)
            .optPadding(false)
            .build());
  }

  /**
   * Tokenises a text as a whole.
   *
   * @param text any text
   * @return its token ids; none added
   */
  public int[] encode(String text) {
    return Arrays.stream(tokenizer.encode(text, false, false).getIds())
        .mapToInt(Math::toIntExact)
        .toArray();
  }

  /**
   * Forecasts what the process has grown by when a text was tokenised, mostly of Java's heap.
   *
   * @param text its bytes
   * @return bytes
   */
  public static long bytesLeftBy(long text) {
    return BYTES_LEFT * text;
  }

  /**
   * Tokenises a file as a whole.
   *
   * @param file UTF-8 text; line ends of Windows read as {@code \n}
   * @return its token ids; none added
   * @throws IOException if it cannot be read
   */
  public int[] encodeFile(Path file) throws IOException {
    int[] ids = encode(TextFile.read(file));
    NativeHeap.trim();
    return ids;
  }

  /**
   * Turns tokens into text.
   *
   * @param ids token ids
   * @return their text, special tokens included
   */
  public String decode(int[] ids) {
    return tokenizer.decode(Arrays.stream(ids).asLongStream().toArray(), false);
  }

  @Override
  public void close() {
    tokenizer.close();
  }
}
