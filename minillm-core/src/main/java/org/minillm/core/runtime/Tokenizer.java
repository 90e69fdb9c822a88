package org.minillm.core.runtime;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkNotNull;
import static com.google.common.base.Preconditions.checkState;
import static java.util.Objects.requireNonNull;

import ai.djl.huggingface.tokenizers.jni.LibUtils;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.MalformedFileException;
import org.minillm.core.files.TextFile;
import org.minillm.core.tensor.NativeLibraries;
import org.minillm.core.tokenizer.TokenizerText;

/**
 * The model's own tokenizer, read from tokenizer.json or an older form ({@link TokenizerText}).
 * Adds no special tokens and truncates nothing: what is measured is the text. Owns native memory:
 * close it, when no thread works with it any more. A closed one is of no use, which is an {@link
 * IllegalStateException}.
 *
 * <p>The library is called without DJL's classes around it, which ask it for much besides the ids
 * of the tokens: several objects a token, a hundred times the memory of the text.
 */
public final class Tokenizer implements AutoCloseable {

  private static final TokenizersLibrary LIBRARY = library();

  /** What a byte of text takes, as measured on texts of 1 to 10 MB. */
  private static final long BYTES_OF_A_BYTE = 190;

  /** What the engine takes of the process when it works, and not yet when a text is tokenised. */
  private static final long ENGINE_BYTES = 150_000_000;

  /** Tokens of a text of about a megabyte, which leaves some hundred behind. */
  private static final int WORTH_A_COLLECTION = 250_000;

  /** Characters of a tokenizer.json whose tree takes tens of megabytes. */
  private static final int LARGE_FILE = 1_000_000;

  /** Of what the library says of a file: it quotes what it finds there, however long. */
  private static final int MAX_REASON = 300;

  /** In the encoding that Java hands to native code, whose length it counts in an int. */
  private static final long MAX_TEXT_BYTES = Integer.MAX_VALUE - 1;

  private final Path file;
  private final int vocabSize;
  private final MemoryBudget budget;
  private long handle;

  private Tokenizer(Path file, int vocabSize, MemoryBudget budget, long handle) {
    this.file = file;
    this.vocabSize = vocabSize;
    this.budget = budget;
    this.handle = handle;
  }

  private static TokenizersLibrary library() {
    return NativeLibraries.find(
        () -> {
          LibUtils.checkStatus();
          return TokenizersLibrary.LIB;
        });
  }

  /** Opens the tokenizer of a model with so many rows in its embedding. */
  static Tokenizer open(Checkpoint checkpoint, int vocabSize, MemoryBudget budget)
      throws IOException {
    return open(text(checkpoint), vocabSize, budget);
  }

  /** Opens the tokenizer of a folder. */
  static Tokenizer open(Path folder, int vocabSize, MemoryBudget budget) throws IOException {
    return open(TokenizerText.of(folder), vocabSize, budget);
  }

  private static Tokenizer open(TokenizerText text, int vocabSize, MemoryBudget budget)
      throws IOException {
    Path file = text.file();
    String json = TokenizerFile.used(text);
    try {
      long handle = LIBRARY.createTokenizerFromString(json);
      if (json.length() > LARGE_FILE) {
        // what looking through the vocabulary took would stay with the process to the end
        System.gc();
      }
      return new Tokenizer(file, vocabSize, budget, handle);
    } catch (RuntimeException e) {
      throw new MalformedFileException(
          "%s: the tokenizers library cannot use it: %s; copy tokenizer.json of the model again"
              .formatted(file, reason(e)),
          e);
    }
  }

  /**
   * Gives the tokenizer of a model as the text of a tokenizer.json: that of the file, or what is
   * made of another form. It is checked as far as the library must not get a damaged one.
   *
   * @param checkpoint of the model
   * @return a whole tokenizer.json
   * @throws IOException if the model has no tokenizer, or one that is damaged or of no known kind
   */
  public static String json(Checkpoint checkpoint) throws IOException {
    requireNonNull(checkpoint, "checkpoint");
    return json(text(checkpoint));
  }

  static String json(TokenizerText text) throws IOException {
    TokenizerFile.used(text);
    return text.json();
  }

  private static TokenizerText text(Checkpoint checkpoint) throws IOException {
    Path path = checkpoint.path();
    String json = checkpoint.texts().get(TokenizerText.FILE);
    if (json != null) {
      return new TokenizerText(path, json);
    }
    if (!Files.isDirectory(path)) {
      throw new MalformedFileException(
          path + ": no tokenizer in it, or none that is read; start from the model's folder");
    }
    return TokenizerText.of(path);
  }

  private static String reason(RuntimeException refusal) {
    return JsonNode.shortened(String.valueOf(refusal.getMessage()), MAX_REASON)
        // the position is of the part that is used, not of the file
        .replaceFirst(" at line \\d+ column \\d+$", "")
        .replaceFirst(
            "data did not match any variant of untagged enum (\\w+?)(Untagged)?$",
            "its $1 is of no form that is known");
  }

  /**
   * Tokenises a text as a whole.
   *
   * @param text any text of whole characters
   * @return its token ids; none added
   * @throws IllegalArgumentException if the text has half of a surrogate pair, or a token that the
   *     tokenizer or the model does not have
   */
  public int[] encode(String text) {
    int bytes = nativeBytes(text);
    long tokenizer = handle();
    long encoding;
    try {
      encoding = LIBRARY.encode(tokenizer, text, false);
    } catch (RuntimeException e) {
      throw new IllegalArgumentException(file + ": cannot tokenise the text: " + reason(e), e);
    }
    try {
      return ids(encoding, bytes);
    } finally {
      LIBRARY.deleteEncoding(encoding);
    }
  }

  /** Counts the bytes of a text as native code gets it. */
  private static int nativeBytes(String text) {
    long bytes = 0;
    for (int i = 0; i < text.length(); i++) {
      char unit = text.charAt(i);
      bytes += unit > 0 && unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
      if (Character.isHighSurrogate(unit)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        bytes += 3;
        i++;
      } else {
        checkArgument(
            !Character.isSurrogate(unit),
            "character %s of the text is half of a surrogate pair (U+%s), expected both halves",
            i,
            Integer.toHexString(unit));
      }
    }
    checkArgument(
        bytes <= MAX_TEXT_BYTES,
        "a text of %s bytes, expected less than 2 GiB; give it in parts",
        bytes);
    return (int) bytes;
  }

  private int[] ids(long encoding, int bytes) {
    requireHeap(bytes);
    long[] ids = LIBRARY.getTokenIds(encoding);
    int[] result = new int[ids.length];
    for (int i = 0; i < ids.length; i++) {
      if (ids[i] >= vocabSize) {
        throw new IllegalArgumentException(
            ("%s: the text has the token \"%s\", which has the id %d there, but the model has the"
                    + " tokens 0 to %d only (vocab_size); use the tokenizer.json of this very model,"
                    + " or take the token out of the text")
                .formatted(
                    file,
                    LIBRARY.decode(handle(), new long[] {ids[i]}, false),
                    ids[i],
                    vocabSize - 1));
      }
      result[i] = (int) ids[i];
    }
    return result;
  }

  /**
   * Where native code gets no array from Java, it ends the process: Java has to find out before. A
   * token is a byte at least.
   */
  private static void requireHeap(int bytes) {
    Runtime runtime = Runtime.getRuntime();
    long free = runtime.maxMemory() - runtime.totalMemory() + runtime.freeMemory();
    if (free < (long) bytes * Long.BYTES) {
      // collects what is garbage, or throws OutOfMemoryError
      Arrays.fill(new long[bytes], 0);
    }
  }

  /**
   * Forecasts what {@link #encodeFile} needs in memory, before the model is at work.
   *
   * @param text a file
   * @return the process without its work, and what a text takes
   * @throws IOException if there is no such file
   */
  public static MemoryForecast memoryForecast(Path text) throws IOException {
    requireNonNull(text, "text");
    checkNotNull(text, "text");
    return MemoryForecast.ofTheProcess()
        .plus(Math.max(0, BYTES_OF_A_BYTE * Files.size(text) - ENGINE_BYTES));
  }

  /**
   * Tokenises a file as a whole.
   *
   * @param text UTF-8; line ends of Windows read as {@code \n}
   * @return its token ids; none added
   * @throws IOException if it cannot be read
   * @throws IllegalArgumentException if the text has a token that the tokenizer or the model does
   *     not have, or the memory budget of the model cannot be kept
   */
  public int[] encodeFile(Path text) throws IOException {
    MemoryForecast forecast = memoryForecast(text);
    checkArgument(
        budget.bytes() >= forecast.smallestBudget(),
        "memory budget %s: to tokenise %s takes about %s MB; give a budget of %s or more, or a"
            + " shorter text",
        budget,
        text,
        forecast.smallestBudget() / 1_000_000,
        forecast.smallestBudgetInWords());
    int[] ids = encode(TextFile.read(text));
    if (ids.length > WORTH_A_COLLECTION) {
      // what a large text took would stay with the process, in both heaps
      System.gc();
      NativeHeap.trim();
    }
    return ids;
  }

  /**
   * Turns tokens into text.
   *
   * @param ids token ids
   * @return their text, special tokens included; nothing for an id that the tokenizer does not have
   * @throws IllegalArgumentException if an id is negative
   */
  public String decode(int[] ids) {
    for (int id : ids) {
      checkArgument(id >= 0, "token id %s: expected at least 0", id);
    }
    return LIBRARY.decode(handle(), Arrays.stream(ids).asLongStream().toArray(), false);
  }

  private long handle() {
    checkState(handle != 0, "the tokenizer %s is closed; open it again", file);
    return handle;
  }

  /** Frees the native memory. Closing again does nothing. */
  @Override
  public void close() {
    if (handle != 0) {
      LIBRARY.deleteTokenizer(handle);
      handle = 0;
    }
  }
}
