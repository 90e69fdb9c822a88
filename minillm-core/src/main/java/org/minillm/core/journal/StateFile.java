package org.minillm.core.journal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import com.google.common.primitives.Ints;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One {@link PassState} in a file: the length of a JSON text, the text, the streams in the byte
 * order of the machine, and a CRC-32C of it all. It is written beside its place and then renamed.
 */
final class StateFile {

  private static final Logger LOG = LoggerFactory.getLogger(StateFile.class);

  private static final String LAYERS = "layers";
  private static final String FINDINGS = "findings";
  private static final String STREAMS = "streams";

  private StateFile() {}

  static void write(Path file, PassState state) throws IOException {
    JsonArray shapes = new JsonArray();
    for (NDArray stream : state.streams()) {
      JsonArray shape = new JsonArray();
      for (long size : stream.getShape().getShape()) {
        shape.add(size);
      }
      shapes.add(shape);
    }
    JsonObject json = new JsonObject();
    json.addProperty(LAYERS, state.layers());
    json.add(FINDINGS, state.findings());
    json.add(STREAMS, shapes);
    byte[] text = json.toString().getBytes(StandardCharsets.UTF_8);

    Path part = file.resolveSibling(file.getFileName() + ".part");
    try (FileChannel channel =
        FileChannel.open(
            part,
            StandardOpenOption.WRITE,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      Hasher hasher = Hashing.crc32c().newHasher();
      put(channel, hasher, ByteBuffer.wrap(Ints.toByteArray(text.length)));
      put(channel, hasher, ByteBuffer.wrap(text));
      for (NDArray stream : state.streams()) {
        put(channel, hasher, stream.toByteBuffer(true));
      }
      ByteBuffer checksum = ByteBuffer.wrap(hasher.hash().asBytes());
      while (checksum.hasRemaining()) {
        channel.write(checksum);
      }
      channel.force(false);
    }
    Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  private static void put(FileChannel channel, Hasher hasher, ByteBuffer bytes) throws IOException {
    hasher.putBytes(bytes.duplicate());
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  /** Reads a state; empty where there is none, or a damaged one, of which a warning is logged. */
  static Optional<PassState> read(Path file, NDManager owner) throws IOException {
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    List<NDArray> streams = new ArrayList<>();
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      Hasher hasher = Hashing.crc32c().newHasher();
      int length = get(channel, hasher, ByteBuffer.allocate(Integer.BYTES)).getInt();
      if (length < 0 || length > channel.size()) {
        throw new EOFException();
      }
      byte[] text = get(channel, hasher, ByteBuffer.allocate(length)).array();
      JsonObject json =
          JsonParser.parseString(new String(text, StandardCharsets.UTF_8)).getAsJsonObject();
      for (JsonElement shape : json.getAsJsonArray(STREAMS)) {
        NDArray stream = owner.create(shape(shape.getAsJsonArray()), DataType.FLOAT32);
        streams.add(stream);
        get(channel, hasher, stream.toByteBuffer(true));
      }
      byte[] expected = hasher.hash().asBytes();
      ByteBuffer found = get(channel, Hashing.crc32c().newHasher(), ByteBuffer.allocate(4));
      if (!found.equals(ByteBuffer.wrap(expected))) {
        throw new EOFException();
      }
      return Optional.of(
          new PassState(
              json.get(LAYERS).getAsInt(), json.get(FINDINGS), ImmutableList.copyOf(streams)));
    } catch (EOFException | JsonParseException | IllegalStateException e) {
      streams.forEach(NDArray::close);
      LOG.warn("{}: damaged, so that what it knew is done again", file);
      return Optional.empty();
    }
  }

  private static Shape shape(JsonArray json) {
    long[] sizes = new long[json.size()];
    for (int i = 0; i < sizes.length; i++) {
      sizes[i] = json.get(i).getAsLong();
    }
    return new Shape(sizes);
  }

  /** Fills a buffer and returns it, ready to be read. */
  private static ByteBuffer get(FileChannel channel, Hasher hasher, ByteBuffer target)
      throws IOException {
    ByteBuffer filled = target.duplicate();
    while (filled.hasRemaining()) {
      if (channel.read(filled) < 0) {
        throw new EOFException();
      }
    }
    filled.flip();
    hasher.putBytes(filled.duplicate());
    return filled;
  }
}
