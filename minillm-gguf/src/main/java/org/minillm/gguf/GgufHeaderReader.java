package org.minillm.gguf;

import static java.nio.charset.StandardCharsets.UTF_8;

import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.MalformedFileException;

/**
 * Reads what stands in a GGUF file before the numbers: metadata and the list of tensors. What the
 * file claims is held against what it has: no count is believed that the rest of the file could not
 * hold.
 */
final class GgufHeaderReader {

  /** More than any tokenizer takes. */
  private static final long MAX_BYTES = 1L << 28;

  private static final int MAX_KEY = 1 << 16;

  /** ggml's own limit. */
  private static final int MAX_AXES = 4;

  private static final int MAX_NAME = 64;

  /** Name, number of axes, one size, type and offset. */
  private static final int LEAST_TENSOR_BYTES = 8 + 4 + 8 + 4 + 8;

  private static final String ALIGNMENT = "general.alignment";

  private final Path file;
  private final DataInputStream in;
  private final long size;
  private long left;

  private GgufHeaderReader(Path file, InputStream in, long size) {
    this.file = file;
    this.in = new DataInputStream(in);
    this.size = size;
    this.left = Math.min(size, MAX_BYTES);
  }

  /**
   * Reads a file.
   *
   * @return the header
   * @throws MalformedFileException if it is no GGUF file, or a damaged one
   */
  static GgufHeader read(Path file) throws IOException {
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
      return new GgufHeaderReader(file, in, Files.size(file)).read();
    } catch (EOFException e) {
      throw new MalformedFileException(file + ": ends within its metadata", e);
    }
  }

  private GgufHeader read() throws IOException {
    if (int32() != GgufWriter.MAGIC) {
      throw refuse("is no GGUF file: it does not begin with \"GGUF\"");
    }
    int version = int32();
    if (version != 2 && version != GgufWriter.VERSION) {
      throw refuse("GGUF version " + version + ", expected 2 or 3, little-endian");
    }
    long tensorCount = int64();
    long keyCount = int64();
    ImmutableMap<String, GgufValue> metadata = metadata(keyCount);
    long alignment = alignment(metadata.get(ALIGNMENT));
    List<Listed> listed = listed(tensorCount);
    long headerBytes = Math.min(size, MAX_BYTES) - left;
    long dataStart = (headerBytes + alignment - 1) / alignment * alignment;
    ImmutableList.Builder<GgufHeader.Entry> tensors = ImmutableList.builder();
    for (Listed tensor : listed) {
      tensors.add(placed(tensor, dataStart));
    }
    return new GgufHeader(metadata, tensors.build());
  }

  private ImmutableMap<String, GgufValue> metadata(long count) throws IOException {
    Map<String, GgufValue> metadata = new LinkedHashMap<>();
    for (long i = 0; i < count; i++) {
      String key = text(MAX_KEY);
      if (metadata.put(key, value(key)) != null) {
        throw refuse("key " + JsonNode.shortened(key) + " occurs twice");
      }
    }
    return ImmutableMap.copyOf(metadata);
  }

  private List<Listed> listed(long count) throws IOException {
    if (count < 0 || count > left / LEAST_TENSOR_BYTES) {
      throw refuse("claims " + count + " tensors, more than the file has");
    }
    List<Listed> listed = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (long i = 0; i < count; i++) {
      Listed tensor = listed();
      if (!names.add(tensor.name())) {
        throw refuse("tensor " + JsonNode.shortened(tensor.name()) + " occurs twice");
      }
      listed.add(tensor);
    }
    return listed;
  }

  private long alignment(@Nullable GgufValue given) throws MalformedFileException {
    if (given == null) {
      return GgufWriter.ALIGNMENT;
    }
    if (given.value() instanceof Long bytes && bytes > 0 && bytes <= MAX_KEY) {
      return bytes;
    }
    throw refuse(ALIGNMENT + " is no small number of bytes");
  }

  /** A tensor as the list has it: its place is told from where the list ends. */
  private record Listed(String name, GgufType type, Shape shape, long offset) {}

  private Listed listed() throws IOException {
    String name = text(MAX_NAME * 4);
    int axes = int32();
    if (axes < 1 || axes > MAX_AXES) {
      throw refuse("%s has %d axes, expected 1 to %d".formatted(quoted(name), axes, MAX_AXES));
    }
    long[] sizes = new long[axes];
    for (int axis = axes - 1; axis >= 0; axis--) { // the innermost stands first
      sizes[axis] = int64();
      if (sizes[axis] < 1 || sizes[axis] > size) {
        throw refuse("%s has an axis of %d numbers".formatted(quoted(name), sizes[axis]));
      }
    }
    int code = int32();
    GgufType type =
        GgufType.ofCode(code)
            .orElseThrow(
                () ->
                    refuse(
                        "%s is of type %d, expected one of %s; start from a file of one of these types"
                            .formatted(quoted(name), code, Arrays.toString(GgufType.values()))));
    return new Listed(name, type, new Shape(sizes), int64());
  }

  private GgufHeader.Entry placed(Listed tensor, long dataStart) throws MalformedFileException {
    long row = tensor.shape().get(tensor.shape().dimension() - 1);
    if (!tensor.type().fits(row)) {
      throw refuse(
          "%s: rows of %d numbers are no whole blocks of %s"
              .formatted(quoted(tensor.name()), row, tensor.type()));
    }
    long numbers = 1;
    for (long length : tensor.shape().getShape()) {
      numbers = numbers > Long.MAX_VALUE / length ? Long.MAX_VALUE : numbers * length;
    }
    long room = size - dataStart;
    // a number takes a quarter of a byte at least
    if (numbers > 8 * size
        || tensor.offset() < 0
        || tensor.offset() > room - tensor.type().bytes(tensor.shape())) {
      throw refuse(
          "%s ends beyond the file; it is cut: download it again".formatted(quoted(tensor.name())));
    }
    return new GgufHeader.Entry(
        tensor.name(), tensor.type(), tensor.shape(), dataStart + tensor.offset());
  }

  private static String quoted(String name) {
    return JsonNode.shortened(name, MAX_NAME);
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
