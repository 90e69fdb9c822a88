package org.minillm.core.tokenizer;

import com.google.common.collect.ImmutableList;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Pattern;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.MalformedFileException;
import org.minillm.core.tokenizer.SentencePieceModel.Algorithm;
import org.minillm.core.tokenizer.SentencePieceModel.Kind;
import org.minillm.core.tokenizer.SentencePieceModel.Normalizer;
import org.minillm.core.tokenizer.SentencePieceModel.Piece;

/**
 * Reads the protobuf message {@code ModelProto} of SentencePiece: the fields that are of use, by
 * their tags (number of the field times 8, and how it is written).
 */
final class SentencePieceReader {

  /** How a pointer of Git LFS begins. */
  static final String LFS_POINTER = "version https://git-lfs.github.com/spec/";

  /** Files have 0.5 to 5 MB. */
  private static final int MAX_BYTES = 64 << 20;

  /** The largest known have 256,000. */
  private static final int MAX_PIECES = 1 << 20;

  private static final String REMEDY =
      "; copy it of the model again, or tokenizer.json into its folder";

  /** A vocabulary of tiktoken: a token in base64 and its rank a line. */
  private static final Pattern TIKTOKEN = Pattern.compile("^[A-Za-z0-9+/]+={0,2} \\d+\\r?\\n");

  private static final int VARINT = 0;
  private static final int BYTES = 2;
  private static final int FLOAT = 5;

  private static final int PIECE = 1 << 3 | BYTES;
  private static final int PIECE_TEXT = 1 << 3 | BYTES;
  private static final int PIECE_SCORE = 2 << 3 | FLOAT;
  private static final int PIECE_KIND = 3 << 3 | VARINT;
  private static final int TRAINER = 2 << 3 | BYTES;
  private static final int TRAINER_ALGORITHM = 3 << 3 | VARINT;
  private static final int TRAINER_BYTE_FALLBACK = 35 << 3 | VARINT;
  private static final int TRAINER_UNKNOWN_ID = 40 << 3 | VARINT;
  private static final int TRAINER_UNKNOWN_PIECE = 45 << 3 | BYTES;
  private static final int NORMALIZER = 3 << 3 | BYTES;
  private static final int NORMALIZER_CHARSMAP = 2 << 3 | BYTES;
  private static final int NORMALIZER_PREFIX = 3 << 3 | VARINT;
  private static final int NORMALIZER_EXTRA_SPACES = 4 << 3 | VARINT;

  private final CodedInputStream in;
  private final ImmutableList.Builder<Piece> pieces = ImmutableList.builder();
  private final Map<String, Integer> ids = new HashMap<>();

  // what the format says of fields that are not there
  private int algorithm = 1;
  private int unknownId;
  private String unknownPiece = "<unk>";
  private boolean byteFallback;
  private String charsmap = "";
  private boolean addDummyPrefix = true;
  private boolean removeExtraWhitespaces = true;
  private boolean hasTrainer;
  private boolean hasNormalizer;

  private SentencePieceReader(byte[] bytes) {
    this.in = CodedInputStream.newInstance(bytes);
  }

  /** See {@link SentencePieceModel#read}. */
  static SentencePieceModel read(Path file) throws IOException {
    byte[] bytes = bytes(file);
    try {
      requireBinary(bytes);
      return new SentencePieceReader(bytes).model();
    } catch (InvalidProtocolBufferException e) {
      throw new MalformedFileException(
          file + ": cut, damaged, or no model of SentencePiece" + REMEDY, e);
    } catch (IllegalArgumentException e) {
      throw new MalformedFileException(file + ": " + e.getMessage() + REMEDY, e);
    }
  }

  private static byte[] bytes(Path file) throws IOException {
    if (Files.isDirectory(file)) {
      throw new FileSystemException(file.toString(), null, "a folder, expected a file");
    }
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(MAX_BYTES + 1);
      if (bytes.length > MAX_BYTES) {
        throw new MalformedFileException(
            file + ": more than 64 MiB, expected some megabytes" + REMEDY);
      }
      return bytes;
    }
  }

  private static void requireBinary(byte[] bytes) {
    if (bytes.length == 0) {
      throw new IllegalArgumentException("it is empty");
    }
    String start = new String(bytes, 0, Math.min(bytes.length, 1000), StandardCharsets.ISO_8859_1);
    if (start.startsWith(LFS_POINTER)) {
      throw new IllegalArgumentException(
          "a Git LFS pointer to the file; get the file itself with 'git lfs pull'");
    }
    if (TIKTOKEN.matcher(start).find()) {
      throw new IllegalArgumentException(
          "a vocabulary of tiktoken, expected a model of SentencePiece");
    }
  }

  private SentencePieceModel model() throws IOException {
    readFields(this::readField);
    if (ids.isEmpty() || !hasTrainer || !hasNormalizer) {
      throw new IllegalArgumentException(
          "it has %d pieces, %s and %s; the file is cut, or no model of SentencePiece"
              .formatted(
                  ids.size(),
                  hasTrainer ? "trainer_spec" : "no trainer_spec",
                  hasNormalizer ? "normalizer_spec" : "no normalizer_spec"));
    }
    if (algorithm != 1 && algorithm != 2) {
      throw new IllegalArgumentException(
          "its trainer_spec.model_type is %d, expected 1 (unigram) or 2 (BPE)"
              .formatted(algorithm));
    }
    if (unknownId < 0 || unknownId >= ids.size()) {
      throw new IllegalArgumentException(
          "its trainer_spec.unk_id is %d, of %d pieces".formatted(unknownId, ids.size()));
    }
    return new SentencePieceModel(
        pieces.build(),
        algorithm == 1 ? Algorithm.UNIGRAM : Algorithm.BPE,
        unknownId,
        unknownPiece,
        byteFallback,
        new Normalizer(charsmap, addDummyPrefix, removeExtraWhitespaces));
  }

  /** Takes a field that it knows. */
  private interface Field {
    /** Returns false for a field of another tag, which is left where it is. */
    boolean read(int tag) throws IOException;
  }

  private void readFields(Field field) throws IOException {
    for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
      if (!field.read(tag) && !in.skipField(tag)) {
        throw new InvalidProtocolBufferException("the end of a group that did not begin");
      }
    }
  }

  private void readMessage(Field field) throws IOException {
    int outer = in.pushLimit(in.readRawVarint32());
    readFields(field);
    in.popLimit(outer);
  }

  private boolean readField(int tag) throws IOException {
    switch (tag) {
      case PIECE -> readPiece();
      case TRAINER -> {
        readMessage(this::readTrainer);
        hasTrainer = true;
      }
      case NORMALIZER -> {
        readMessage(this::readNormalizer);
        hasNormalizer = true;
      }
      default -> {
        return false;
      }
    }
    return true;
  }

  private void readPiece() throws IOException {
    PieceFields fields = new PieceFields();
    readMessage(tag -> fields.read(tag, in));
    int id = ids.size();
    Integer other = ids.putIfAbsent(fields.text, id);
    if (other != null) {
      throw new IllegalArgumentException(
          "pieces %d and %d are both \"%s\"".formatted(other, id, JsonNode.shortened(fields.text)));
    }
    if (id == MAX_PIECES) {
      throw new IllegalArgumentException("more than " + MAX_PIECES + " pieces");
    }
    pieces.add(fields.piece(id));
  }

  private boolean readTrainer(int tag) throws IOException {
    switch (tag) {
      case TRAINER_ALGORITHM -> algorithm = in.readEnum();
      case TRAINER_BYTE_FALLBACK -> byteFallback = in.readBool();
      case TRAINER_UNKNOWN_ID -> unknownId = in.readInt32();
      case TRAINER_UNKNOWN_PIECE -> unknownPiece = in.readStringRequireUtf8();
      default -> {
        return false;
      }
    }
    return true;
  }

  private boolean readNormalizer(int tag) throws IOException {
    switch (tag) {
      case NORMALIZER_CHARSMAP -> charsmap = Base64.getEncoder().encodeToString(in.readByteArray());
      case NORMALIZER_PREFIX -> addDummyPrefix = in.readBool();
      case NORMALIZER_EXTRA_SPACES -> removeExtraWhitespaces = in.readBool();
      default -> {
        return false;
      }
    }
    return true;
  }

  /** What is known of a piece while it is read. */
  private static final class PieceFields {
    private String text = "";
    private float score;
    private int kind = 1;

    private boolean read(int tag, CodedInputStream in) throws IOException {
      switch (tag) {
        case PIECE_TEXT -> text = in.readStringRequireUtf8();
        case PIECE_SCORE -> score = in.readFloat();
        case PIECE_KIND -> kind = in.readEnum();
        default -> {
          return false;
        }
      }
      return true;
    }

    private Piece piece(int id) {
      if (text.isEmpty()) {
        throw new IllegalArgumentException("piece " + id + " has no text");
      }
      if (!Float.isFinite(score)) {
        throw new IllegalArgumentException(
            "piece %d, \"%s\": its score is %s, expected a finite number"
                .formatted(id, JsonNode.shortened(text), score));
      }
      Kind known =
          Kind.of(kind)
              .orElseThrow(
                  () ->
                      new IllegalArgumentException(
                          "piece %d, \"%s\": its type is %d, expected 1 to 6"
                              .formatted(id, JsonNode.shortened(text), kind)));
      return new Piece(text, score, known);
    }
  }
}
