package org.minillm.core.model;

import static com.google.common.base.Preconditions.checkState;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import org.minillm.core.files.TextFile;

/**
 * The model's own tokenizer, read from tokenizer.json. Adds no special tokens and truncates
 * nothing: what is measured is the text. Owns native memory: close it, when no thread works with it
 * any more. A closed one is of no use, which is an {@link IllegalStateException}.
 */
public final class Tokenizer implements AutoCloseable {

  private final Path file;
  private final HuggingFaceTokenizer tokenizer;
  private volatile boolean closed;

  private Tokenizer(Path file, HuggingFaceTokenizer tokenizer) {
    this.file = file;
    this.tokenizer = tokenizer;
  }

  static Tokenizer open(Path folder) throws IOException {
    Path file = folder.resolve("tokenizer.json");
    if (!Files.isRegularFile(file)) {
      throw new NoSuchFileException(
          file.toString(), null, "no tokenizer; copy tokenizer.json of the model into the folder");
    }
    return new Tokenizer(
        file,
        NativeLibraries.find(
            HuggingFaceTokenizer.builder()
                    .optTokenizerPath(file)
                    .optAddSpecialTokens(false)
                    .optTruncation(false)
                    .optPadding(false)
                ::build));
  }

  /**
   * Tokenises a text as a whole.
   *
   * @param text any text
   * @return its token ids; none added
   */
  public int[] encode(String text) {
    return Arrays.stream(open().encode(text, false, false).getIds())
        .mapToInt(Math::toIntExact)
        .toArray();
  }

  /**
   * Tokenises a file as a whole.
   *
   * @param file UTF-8 text; line ends of Windows read as {@code \n}
   * @return its token ids; none added
   * @throws IOException if it cannot be read
   */
  public int[] encodeFile(Path file) throws IOException {
    return encode(TextFile.read(file));
  }

  /**
   * Turns tokens into text.
   *
   * @param ids token ids
   * @return their text, special tokens included
   */
  public String decode(int[] ids) {
    return open().decode(Arrays.stream(ids).asLongStream().toArray(), false);
  }

  private HuggingFaceTokenizer open() {
    checkState(!closed, "the tokenizer %s is closed; open it again", file);
    return tokenizer;
  }

  /** Frees the native memory. Closing again does nothing. */
  @Override
  public void close() {
    closed = true;
    tokenizer.close();
  }
}
