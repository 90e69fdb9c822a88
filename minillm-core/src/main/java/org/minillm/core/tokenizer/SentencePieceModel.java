package org.minillm.core.tokenizer;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/**
 * A model of SentencePiece, as {@code tokenizer.model} holds it: what it needs to be converted.
 *
 * @param pieces tokens in the order of their ids, each text once
 * @param algorithm how pieces are chosen
 * @param unknownId id of the piece that stands for what has no piece
 * @param unknownPiece its text
 * @param byteFallback whether bytes stand for what has no piece
 * @param normalizer what is done to a text before
 */
public record SentencePieceModel(
    ImmutableList<Piece> pieces,
    Algorithm algorithm,
    int unknownId,
    String unknownPiece,
    boolean byteFallback,
    Normalizer normalizer) {

  // Refuses nulls.
  public SentencePieceModel {
    requireNonNull(pieces, "pieces");
    requireNonNull(algorithm, "algorithm");
    requireNonNull(unknownPiece, "unknownPiece");
    requireNonNull(normalizer, "normalizer");
  }

  /** How pieces are chosen. */
  public enum Algorithm {
    /** The most likely sequence; scores are logarithms of probabilities. */
    UNIGRAM,
    /** The merge with the highest score first. */
    BPE
  }

  /** What a piece is. */
  public enum Kind {
    /** Text. */
    NORMAL(1),
    /** Stands for what has no piece. */
    UNKNOWN(2),
    /** A mark that is no text. */
    CONTROL(3),
    /** Text that is always one piece. */
    USER_DEFINED(4),
    /** Not used. */
    UNUSED(5),
    /** One byte, as {@code <0x0A>}. */
    BYTE(6);

    private final int number;

    Kind(int number) {
      this.number = number;
    }

    /**
     * Tells how files write it: tokenizer.model, and GGUF after it.
     *
     * @return 1 to 6
     */
    public int number() {
      return number;
    }

    /** Finds the kind of a number. */
    static Optional<Kind> of(int number) {
      return Arrays.stream(values()).filter(kind -> kind.number == number).findFirst();
    }
  }

  /**
   * A token.
   *
   * @param text not empty; spaces are written ▁
   * @param score finite
   * @param kind what it is
   */
  public record Piece(String text, float score, Kind kind) {
    // Refuses nulls.
    public Piece {
      requireNonNull(text, "text");
      requireNonNull(kind, "kind");
    }
  }

  /**
   * What is done to a text before it is cut into pieces.
   *
   * @param precompiledCharsmap which characters stand for which others, in base64; empty for none
   * @param addDummyPrefix whether a space is put before the text
   * @param removeExtraWhitespaces whether spaces go at the ends and where there are several
   */
  public record Normalizer(
      String precompiledCharsmap, boolean addDummyPrefix, boolean removeExtraWhitespaces) {
    // Refuses nulls.
    public Normalizer {
      requireNonNull(precompiledCharsmap, "precompiledCharsmap");
    }
  }

  /**
   * Reads a file.
   *
   * @param file at most 64 MiB
   * @return the model
   * @throws org.minillm.core.files.MalformedFileException if it is damaged, cut or of another kind
   * @throws IOException if it cannot be read
   */
  public static SentencePieceModel read(Path file) throws IOException {
    requireNonNull(file, "file");
    return SentencePieceReader.read(file);
  }
}
