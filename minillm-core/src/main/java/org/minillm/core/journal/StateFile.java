package org.minillm.core.journal;

import static com.google.common.base.Preconditions.checkArgument;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import com.google.common.math.LongMath;
import com.google.common.primitives.Ints;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
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
import org.minillm.core.files.JsonNode;
import org.minillm.core.tensor.Compute;
import org.minillm.core.tensor.HostMemory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One {@link PassState} in a file: the form's version and the length of a JSON text, the text, the
 * streams in the byte order of the machine, and a CRC-32C of it all, which is tested before
 * anything is made of the rest. It is written beside its place and then renamed.
 */
final class StateFile {

  private static final Logger LOG = LoggerFactory.getLogger(StateFile.class);

  private static final String LAYERS = "layers";
  private static final String FINDINGS = "findings";
  private static final String STREAMS = "streams";

  /** {@code MLJ2}: another form, of another version, counts as not saved. */
  private static final int FORM = 0x4D4C4A32;

  private static final int CHECKSUM_BYTES = 4;
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

    Path part = part(file);
    try {
      write(part, text, state.streams());
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(part);
    }
  }

  /** Where a state is written before it takes its place. */
  static Path part(Path file) {
    return file.resolveSibling(file.getFileName() + ".part");
  }

  private static void write(Path part, byte[] text, ArraySource streams) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            part,
            StandardOpenOption.WRITE,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      Hasher hasher = Hashing.crc32c().newHasher();
      put(channel, hasher, ByteBuffer.wrap(Ints.toByteArray(FORM)));
      put(channel, hasher, ByteBuffer.wrap(Ints.toByteArray(text.length)));
      put(channel, hasher, ByteBuffer.wrap(text));
      int count = streams.shapes().size();
      for (int i = 0; i < count; i++) {
        try (NDManager scratch = Compute.cpu().newManager()) {
          put(channel, hasher, HostMemory.bytes(streams.read(i, scratch)));
        }
      }
      ByteBuffer checksum = ByteBuffer.wrap(hasher.hash().asBytes());
      while (checksum.hasRemaining()) {
        channel.write(checksum);
      }
      channel.force(false);
    }
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
      long end = channel.size() - CHECKSUM_BYTES;
      requireIntact(channel, end);
      return Optional.of(state(file, channel.position(0), end));
    } catch (EOFException | IllegalArgumentException e) {
      LOG.warn("{}: damaged, so that what it knew is done again", file);
      return Optional.empty();
    }
  }

  private static void requireIntact(FileChannel channel, long end) throws IOException {
    Hasher hasher = Hashing.crc32c().newHasher();
    ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(BUFFER_BYTES, Math.max(0, end)));
    for (long left = end; left > 0; left -= buffer.limit()) {
      fill(channel, buffer.clear().limit((int) Math.min(buffer.capacity(), left)));
      hasher.putBytes(buffer.duplicate());
    }
    ByteBuffer found = fill(channel, ByteBuffer.allocate(CHECKSUM_BYTES));
    checkArgument(
        found.equals(ByteBuffer.wrap(hasher.hash().asBytes())), "another checksum than it has");
  }

  private static PassState state(Path file, FileChannel channel, long end) throws IOException {
    int form = fill(channel, ByteBuffer.allocate(Integer.BYTES)).getInt();
    checkArgument(form == FORM, "of another form");
    int length = fill(channel, ByteBuffer.allocate(Integer.BYTES)).getInt();
    checkArgument(length >= 0 && length <= end - channel.position(), "cut short");
    byte[] text = fill(channel, ByteBuffer.allocate(length)).array();
    JsonNode json = JsonNode.parse(new String(text, StandardCharsets.UTF_8));
    Streams streams =
        new Streams(
            file,
            json.get(STREAMS).items().stream()
                .map(StateFile::shape)
                .collect(ImmutableList.toImmutableList()),
            channel.position());
    checkArgument(
        streams.start + Streams.bytes(streams.shapes) == end, "streams of another length");
    return new PassState(json.get(LAYERS).integer(), json.get(FINDINGS).element(), streams);
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

    /** Adds them up; a number that no file has, where they are too many. */
    private static long bytes(List<Shape> shapes) {
      long elements = 0;
      for (Shape shape : shapes) {
        long product = 1;
        for (long size : shape.getShape()) {
          product = LongMath.saturatedMultiply(product, size);
        }
        elements = LongMath.saturatedAdd(elements, product);
      }
      return LongMath.saturatedMultiply(elements, Float.BYTES);
    }

    @Override
    public NDArray read(int index, NDManager owner) throws IOException {
      NDArray array = owner.create(shapes.get(index), DataType.FLOAT32);
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
        channel.position(start + bytes(shapes.subList(0, index)));
        HostMemory.fillBytes(array, bytes -> fill(channel, bytes));
      }
      return array;
    }
  }

  private static Shape shape(JsonNode json) {
    return new Shape(
        json.items().stream()
            .mapToLong(
                size -> {
                  checkArgument(size.integer() >= 0, "a shape of negative size");
                  return size.integer();
                })
            .toArray());
  }

  /** Fills a buffer and returns it, ready to be read. */
  private static ByteBuffer fill(FileChannel channel, ByteBuffer target) throws IOException {
    ByteBuffer filled = target.duplicate();
    while (filled.hasRemaining()) {
      if (channel.read(filled) < 0) {
        throw new EOFException();
      }
    }
    return filled.flip();
  }
}
