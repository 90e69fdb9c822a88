package org.minillm.core.checkpoint;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.primitives.Longs;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.JsonWriter;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.minillm.core.files.JsonNode;

/**
 * The JSON at the head of a safetensors file, read by the rules of the format: no key twice, and
 * the tensors cover the data exactly, without hole or overlap.
 */
final class SafetensorsHeader {

  /** Bytes of the length that stands before the header. */
  static final int LENGTH_BYTES = 8;

  /** The format's own limit. */
  static final long MAX_BYTES = 100_000_000;

  private static final String METADATA = "__metadata__";

  /** No engine has tensors of more. */
  private static final int MAX_AXES = 64;

  /** What a message quotes of a word that is not of the format, and how long a message gets. */
  private static final int MAX_WORD = 40;

  private static final int MAX_MESSAGE = 600;

  /**
   * Where a tensor lies.
   *
   * @param info what it is
   * @param begin first byte, counted from the end of the header
   * @param end byte after the last
   */
  record Entry(TensorInfo info, long begin, long end) {}

  private final Path file;

  private SafetensorsHeader(Path file) {
    this.file = file;
  }

  /**
   * Reads and checks a header.
   *
   * @param json the header
   * @param dataBytes how many bytes follow it in the file
   * @param file for messages
   * @return the tensors in the order of their data
   */
  static ImmutableList<Entry> parse(byte[] json, long dataBytes, Path file)
      throws MalformedCheckpointException {
    SafetensorsHeader header = new SafetensorsHeader(file);
    if (json.length == 0 || json[0] != '{') {
      throw header.malformed("the header does not begin with '{'", null);
    }
    List<Entry> entries;
    // A fresh decoder reports bytes that are not UTF-8 instead of replacing them.
    InputStreamReader text =
        new InputStreamReader(new ByteArrayInputStream(json), StandardCharsets.UTF_8.newDecoder());
    try (JsonReader reader = new JsonReader(text)) {
      reader.setStrictness(Strictness.STRICT);
      entries = header.entries(reader);
      if (reader.peek() != JsonToken.END_DOCUMENT) {
        throw header.malformed("something follows the header's JSON object", null);
      }
    } catch (MalformedCheckpointException e) {
      throw e;
    } catch (IOException | IllegalStateException e) {
      throw header.malformed("the header is not valid JSON in UTF-8: " + JsonNode.position(e), e);
    }
    header.checkCoverage(entries, dataBytes);
    return ImmutableList.copyOf(entries);
  }

  private List<Entry> entries(JsonReader reader) throws IOException {
    List<Entry> entries = new ArrayList<>();
    Set<String> names = new HashSet<>();
    reader.beginObject();
    while (reader.hasNext()) {
      String name = reader.nextName();
      if (!names.add(name)) {
        throw malformed("'" + name + "' stands twice in the header", null);
      }
      if (name.equals(METADATA)) {
        checkMetadata(reader);
      } else {
        entries.add(entry(name, reader));
      }
    }
    reader.endObject();
    return entries;
  }

  private void checkMetadata(JsonReader reader) throws IOException {
    expect(reader, JsonToken.BEGIN_OBJECT, METADATA);
    Set<String> keys = new HashSet<>();
    reader.beginObject();
    while (reader.hasNext()) {
      String key = reader.nextName();
      if (!keys.add(key)) {
        throw malformed(METADATA + ": '" + key + "' stands twice", null);
      }
      expect(reader, JsonToken.STRING, METADATA + "." + key);
      requireNonNull(reader.nextString());
    }
    reader.endObject();
  }

  private Entry entry(String name, JsonReader reader) throws IOException {
    expect(reader, JsonToken.BEGIN_OBJECT, name);
    TensorType type = null;
    long[] shape = null;
    long[] offsets = null;
    Set<String> keys = new HashSet<>();
    reader.beginObject();
    while (reader.hasNext()) {
      String key = reader.nextName();
      if (!keys.add(key)) {
        throw malformed(name + ": '" + key + "' stands twice", null);
      }
      switch (key) {
        case "dtype" -> type = type(name, reader);
        case "shape" -> shape = naturals(name + ".shape", reader);
        case "data_offsets" -> offsets = naturals(name + ".data_offsets", reader);
        default -> reader.skipValue(); // as the format's own reader does
      }
    }
    reader.endObject();
    if (type == null || shape == null || offsets == null) {
      throw malformed(name + ": dtype, shape and data_offsets are required, found " + keys, null);
    }
    return checked(name, type, shape, offsets);
  }

  private Entry checked(String name, TensorType type, long[] shape, long[] offsets)
      throws MalformedCheckpointException {
    if (offsets.length != 2 || offsets[0] > offsets[1]) {
      throw malformed(
          name + ": data_offsets " + Longs.asList(offsets) + ", expected [begin, end]", null);
    }
    TensorInfo info;
    try {
      info = new TensorInfo(name, type, new Shape(shape));
    } catch (IllegalArgumentException e) {
      throw malformed(String.valueOf(e.getMessage()), e);
    }
    long bytes = offsets[1] - offsets[0];
    if (bytes != info.bytes()) {
      throw malformed(
          String.format(
              "%s: data_offsets %s hold %d bytes, but shape %s of %s takes %d",
              name, Longs.asList(offsets), bytes, Longs.asList(shape), type, info.bytes()),
          null);
    }
    return new Entry(info, offsets[0], offsets[1]);
  }

  private TensorType type(String name, JsonReader reader) throws IOException {
    expect(reader, JsonToken.STRING, name + ".dtype");
    String type = reader.nextString();
    try {
      return TensorType.valueOf(type);
    } catch (IllegalArgumentException e) {
      throw malformed(
          String.format(
              "%s: unknown dtype '%s', expected one of %s; if the weights are quantised, start from"
                  + " the model that they were made of",
              name, JsonNode.shortened(type, MAX_WORD), List.of(TensorType.values())),
          e);
    }
  }

  private long[] naturals(String where, JsonReader reader) throws IOException {
    expect(reader, JsonToken.BEGIN_ARRAY, where);
    List<Long> values = new ArrayList<>();
    reader.beginArray();
    while (reader.hasNext()) {
      expect(reader, JsonToken.NUMBER, where);
      String literal = reader.nextString();
      // Gson's nextLong would take 1.0 and 1e3 too.
      Long value = Longs.tryParse(literal);
      if (value == null || value < 0) {
        throw malformed(
            where
                + ": "
                + JsonNode.shortened(literal, MAX_WORD)
                + ", expected a whole number from 0 to 2^63 - 1",
            null);
      }
      values.add(value);
      if (values.size() > MAX_AXES) {
        throw malformed(where + ": more than " + MAX_AXES + " numbers", null);
      }
    }
    reader.endArray();
    return Longs.toArray(values);
  }

  private void expect(JsonReader reader, JsonToken token, String where) throws IOException {
    JsonToken found = reader.peek();
    if (found != token) {
      throw malformed(where + ": " + found + ", expected " + token, null);
    }
  }

  private void checkCoverage(List<Entry> entries, long dataBytes)
      throws MalformedCheckpointException {
    entries.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
    long covered = 0;
    String previous = "the header";
    for (Entry entry : entries) {
      String name = entry.info().name();
      if (entry.begin() < covered) {
        throw malformed(
            name + ": begins at " + entry.begin() + ", overlaps " + previous + " up to " + covered,
            null);
      }
      if (entry.begin() > covered) {
        throw malformed(
            String.format(
                "a hole of %d bytes between %s and %s", entry.begin() - covered, previous, name),
            null);
      }
      covered = entry.end();
      previous = name;
    }
    if (covered > dataBytes) {
      throw malformed(
          String.format(
              "the data ends after %d bytes, expected %d; the file is truncated: download it again",
              dataBytes, covered),
          null);
    }
    if (covered < dataBytes) {
      throw malformed(
          String.format(
              "%d bytes of data, expected %d; the end belongs to no tensor", dataBytes, covered),
          null);
    }
  }

  private MalformedCheckpointException malformed(String what, @Nullable Throwable cause) {
    String message = file + ": " + JsonNode.shortened(what, MAX_MESSAGE);
    return cause == null
        ? new MalformedCheckpointException(message)
        : new MalformedCheckpointException(message, cause);
  }

  /**
   * Renders the head of a file as Hugging Face writes it: length, JSON, spaces up to a multiple of
   * 8.
   *
   * @param tensors in the order in which their data will follow
   * @return the bytes before the data
   */
  static byte[] render(List<TensorInfo> tensors) {
    StringWriter text = new StringWriter();
    try (JsonWriter json = new JsonWriter(text)) {
      json.beginObject();
      json.name(METADATA).beginObject().name("format").value("pt").endObject();
      long offset = 0;
      for (TensorInfo tensor : tensors) {
        json.name(tensor.name()).beginObject();
        json.name("dtype").value(tensor.type().name());
        json.name("shape").beginArray();
        for (long size : tensor.shape().getShape()) {
          json.value(size);
        }
        json.endArray();
        json.name("data_offsets").beginArray().value(offset);
        offset = Math.addExact(offset, tensor.bytes());
        json.value(offset).endArray();
        json.endObject();
      }
      json.endObject();
    } catch (IOException e) {
      throw new UncheckedIOException("a StringWriter never fails", e);
    }
    byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
    int padded = (bytes.length + 7) / 8 * 8;
    ByteBuffer head =
        ByteBuffer.allocate(LENGTH_BYTES + padded).order(ByteOrder.LITTLE_ENDIAN).putLong(padded);
    head.put(bytes);
    while (head.hasRemaining()) {
      head.put((byte) ' ');
    }
    return head.array();
  }
}
