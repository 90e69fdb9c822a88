package org.minillm.gguf;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.MalformedFileException;

/**
 * Reads the metadata of a GGUF file, from its start to the first tensor. What the file claims is
 * held against what it has: no count is believed that the rest of the file could not hold.
 */
final class GgufMetadataReader {

  /** More than any tokenizer takes. */
  private static final long MAX_BYTES = 1L << 28;

  private static final int MAX_KEY = 1 << 16;

  private final Path file;
  private final DataInputStream in;
  private long left;

  private GgufMetadataReader(Path file, InputStream in, long size) {
    this.file = file;
    this.in = new DataInputStream(in);
    this.left = Math.min(size, MAX_BYTES);
  }

  /**
   * Reads a file.
   *
   * @return keys and values in their order
   * @throws MalformedFileException if it is no GGUF file, or a damaged one
   */
  static ImmutableMap<String, GgufValue> read(Path file) throws IOException {
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
      return new GgufMetadataReader(file, in, Files.size(file)).read();
    } catch (EOFException e) {
      throw new MalformedFileException(file + ": ends within its metadata", e);
    }
  }

  private ImmutableMap<String, GgufValue> read() throws IOException {
    if (int32() != GgufWriter.MAGIC) {
      throw refuse("is no GGUF file: it does not begin with \"GGUF\"");
    }
    int version = int32();
    if (version != 2 && version != GgufWriter.VERSION) {
      throw refuse("GGUF version " + version + ", expected 2 or 3, little-endian");
    }
    int64(); // tensors
    long count = int64();
    Map<String, GgufValue> metadata = new LinkedHashMap<>();
    for (long i = 0; i < count; i++) {
      String key = text(MAX_KEY);
      if (metadata.put(key, value(key)) != null) {
        throw refuse("key " + JsonNode.shortened(key) + " occurs twice");
      }
    }
    return ImmutableMap.copyOf(metadata);
  }

  private GgufValue value(String key) throws IOException {
    GgufValueType type = type(key);
    if (type != GgufValueType.ARRAY) {
      return new GgufValue(type, scalar(type, key));
    }
    GgufValueType items = type(key);
    long count = int64();
    if (items == GgufValueType.ARRAY) {
      throw refuse(JsonNode.shortened(key) + " is an array of arrays, which is not read");
    }
    if (count < 0 || count > left / items.leastBytes()) {
      throw refuse(JsonNode.shortened(key) + " claims " + count + " items, more than the file has");
    }
    ImmutableList.Builder<Object> values = ImmutableList.builder();
    for (long i = 0; i < count; i++) {
      values.add(scalar(items, key));
    }
    return new GgufValue(type, new GgufValue.Items(items, values.build()));
  }

  private GgufValueType type(String key) throws IOException {
    int code = int32();
    return GgufValueType.ofCode(code)
        .orElseThrow(
            () -> refuse(JsonNode.shortened(key) + " has a value of unknown type " + code));
  }

  private Object scalar(GgufValueType type, String key) throws IOException {
    return switch (type) {
      case UINT8 -> (long) Byte.toUnsignedInt(int8());
      case INT8 -> (long) int8();
      case UINT16 -> (long) Short.toUnsignedInt(int16());
      case INT16 -> (long) int16();
      case UINT32 -> Integer.toUnsignedLong(int32());
      case INT32 -> (long) int32();
      case UINT64, INT64 -> int64();
      case FLOAT32 -> (double) Float.intBitsToFloat(int32());
      case FLOAT64 -> Double.longBitsToDouble(int64());
      case BOOL -> int8() != 0;
      case STRING -> text(MAX_BYTES);
      case ARRAY -> throw refuse(JsonNode.shortened(key) + " is an array of arrays");
    };
  }

  private String text(long most) throws IOException {
    long length = int64();
    if (length < 0 || length > Math.min(most, left)) {
      throw refuse("a text claims " + length + " bytes, more than there can be");
    }
    take(length);
    byte[] bytes = in.readNBytes((int) length);
    if (bytes.length < length) {
      throw new EOFException();
    }
    return new String(bytes, UTF_8);
  }

  private byte int8() throws IOException {
    take(1);
    return in.readByte();
  }

  private short int16() throws IOException {
    take(2);
    return Short.reverseBytes(in.readShort());
  }

  private int int32() throws IOException {
    take(4);
    return Integer.reverseBytes(in.readInt());
  }

  private long int64() throws IOException {
    take(8);
    return Long.reverseBytes(in.readLong());
  }

  private void take(long bytes) throws IOException {
    left -= bytes;
    if (left < 0) {
      throw new EOFException();
    }
  }

  private MalformedFileException refuse(String why) {
    return new MalformedFileException(file + ": " + why);
  }
}
