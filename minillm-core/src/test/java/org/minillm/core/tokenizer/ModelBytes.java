package org.minillm.core.tokenizer;

import com.google.protobuf.CodedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;

/** Writes a model of SentencePiece, sound or not. */
final class ModelBytes {

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  /** Writes the fields of a message. */
  interface Fields {
    void write(CodedOutputStream out) throws IOException;
  }

  /** A BPE of nine pieces. */
  static ModelBytes sound() {
    return new ModelBytes()
        .piece("<unk>", 0, 2)
        .piece("<s>", 0, 3)
        .piece("</s>", 0, 3)
        .piece("<0x41>", 0, 6)
        .piece("ab", -0f, 1)
        .piece("abb", -1, 1)
        .piece("▁", -2, 1)
        .piece("a", -3, 1)
        .piece("b", -4, 1);
  }

  static ModelBytes empty() {
    return new ModelBytes();
  }

  ModelBytes piece(String text, float score, int kind) {
    return message(
        1,
        out -> {
          out.writeString(1, text);
          out.writeFloat(2, score);
          out.writeEnum(3, kind);
        });
  }

  ModelBytes message(int field, Fields fields) {
    try {
      ByteArrayOutputStream inner = new ByteArrayOutputStream();
      CodedOutputStream out = CodedOutputStream.newInstance(inner);
      fields.write(out);
      out.flush();
      CodedOutputStream outer = CodedOutputStream.newInstance(bytes);
      outer.writeByteArray(field, inner.toByteArray());
      outer.flush();
      return this;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Adds what a trainer says, and a normaliser that does nothing. */
  byte[] with(int algorithm, int unknownId) {
    message(
        2,
        out -> {
          out.writeEnum(3, algorithm);
          out.writeBool(35, true);
          out.writeInt32(40, unknownId);
        });
    message(3, out -> out.writeBool(4, false));
    return bytes.toByteArray();
  }

  byte[] bytes() {
    return bytes.toByteArray();
  }
}
