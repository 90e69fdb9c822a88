package org.minillm.core.journal;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import com.google.common.primitives.Ints;
import com.google.gson.JsonArray;
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
import java.util.List;
import java.util.Optional;
import org.minillm.core.model.CausalLm;
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

  private static final int BUFFER_BYTES = 1 << 20;

  private StateFile() {}

  static void write(Path file, PassState state) throws IOException {
    JsonArray shapes = new JsonArray();
    for (Shape stream : state.streams().shapes()) {
      JsonArray shape = new JsonArray();
      for (long size : stream.getShape()) {
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
      for (int i = 0; i < shapes.size(); i++) {
        try (NDManager scratch = NDManager.newBaseManager(Device.cpu(), CausalLm.ENGINE)) {
          put(channel, hasher, state.streams().read(i, scratch).toByteBuffer(true));
        }
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
  static Optional<PassState> read(Path file) throws IOException {
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      Hasher hasher = Hashing.crc32c().newHasher();
      int length = get(channel, hasher, ByteBuffer.allocate(Integer.BYTES)).getInt();
      if (length < 0 || length > channel.size()) {
        throw new EOFException();
      }
      byte[] text = get(channel, hasher, ByteBuffer.allocate(length)).array();
      JsonObject json =
          JsonParser.parseString(new String(text, StandardCharsets.UTF_8)).getAsJsonObject();
      ImmutableList.Builder<Shape> shapes = ImmutableList.builder();
      json.getAsJsonArray(STREAMS).forEach(shape -> shapes.add(shape(shape.getAsJsonArray())));
      Streams streams = new Streams(file, shapes.build(), channel.position());
      streams.pass(channel, hasher);
      byte[] expected = hasher.hash().asBytes();
      ByteBuffer found = get(channel, Hashing.crc32c().newHasher(), ByteBuffer.allocate(4));
      if (!found.equals(ByteBuffer.wrap(expected))) {
        throw new EOFException();
      }
      return Optional.of(new PassState(json.get(LAYERS).getAsInt(), json.get(FINDINGS), streams));
    } catch (EOFException | JsonParseException | IllegalStateException e) {
      LOG.warn("{}: damaged, so that what it knew is done again", file);
      return Optional.empty();
    }
  }

  /**
   * The streams in a file that was found whole.
   *
   * @param file the file
   * @param shapes of the streams
   * @param start where the first one begins
   */
  private record Streams(Path file, ImmutableList<Shape> shapes, long start)
      implements ArraySource {

    /** Has them all hashed, a part at a time. */
    void pass(FileChannel channel, Hasher hasher) throws IOException {
      ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
      for (long left = bytes(shapes); left > 0; left -= buffer.limit()) {
        buffer.clear().limit((int) Math.min(BUFFER_BYTES, left));
        get(channel, hasher, buffer);
      }
    }

    private static long bytes(List<Shape> shapes) {
      return shapes.stream().mapToLong(shape -> shape.size() * Float.BYTES).sum();
    }

    @Override
    public NDArray read(int index, NDManager owner) throws IOException {
      NDArray array = owner.create(shapes.get(index), DataType.FLOAT32);
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
        channel.position(start + bytes(shapes.subList(0, index)));
        get(channel, Hashing.crc32c().newHasher(), array.toByteBuffer(true));
      }
      return array;
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
