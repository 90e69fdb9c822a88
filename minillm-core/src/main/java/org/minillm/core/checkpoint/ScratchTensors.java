package org.minillm.core.checkpoint;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.types.Shape;
import com.google.common.collect.Streams;
import com.google.common.hash.Hashing;
import com.google.common.primitives.Ints;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.minillm.core.journal.Findings;

/**
 * Tensors that were computed and wait on the disk until the writer asks for them, so that memory
 * holds one of them at a time.
 */
public final class ScratchTensors implements Findings, Closeable {

  private final FileChannel channel;
  private final Map<String, Stored> tensors = new LinkedHashMap<>();

  /** Where a tensor is in the file, and the CRC-32C of its bytes. */
  private record Stored(TensorInfo info, long from, int crc) {}

  private ScratchTensors(FileChannel channel) {
    this.channel = channel;
  }

  /**
   * Opens a file that stays when this is closed, for {@link #resume}.
   *
   * @param file made if it is not there
   * @return no tensor, until an earlier run's are taken over
   * @throws IOException if the file cannot be opened
   */
  public static ScratchTensors keptIn(Path file) throws IOException {
    requireNonNull(file, "file");
    return new ScratchTensors(
        FileChannel.open(
            file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE));
  }

  /**
   * Makes an empty file that goes when this is closed, or when the process dies.
   *
   * @param folder where; expected on a disk with room for the tensors
   * @return no tensor
   * @throws IOException if no file can be made there
   */
  public static ScratchTensors temporaryIn(Path folder) throws IOException {
    requireNonNull(folder, "folder");
    return new ScratchTensors(ScratchFile.open(folder));
  }

  /**
   * Keeps a tensor.
   *
   * @param info its name, shape and the type to round it to
   * @param values its elements, from the buffer's position to its limit
   * @throws IOException if the disk is full
   */
  public void put(TensorInfo info, FloatBuffer values) throws IOException {
    checkArgument(
        values.remaining() == info.elements(),
        "%s: %s numbers, expected %s",
        info.name(),
        values.remaining(),
        info.elements());
    // where the last one ends: what an interrupted run wrote after it does not count
    long from = end();
    channel.position(from);
    ByteBuffer bytes = Narrowing.narrow(info.type(), values);
    int crc = crc(bytes.duplicate());
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
    tensors.put(info.name(), new Stored(info, from, crc));
  }

  private long end() {
    return tensors.values().stream().mapToLong(t -> t.from + t.info.bytes()).max().orElse(0);
  }

  private static int crc(ByteBuffer bytes) {
    return Hashing.crc32c().newHasher().putBytes(bytes).hash().asInt();
  }

  @Override
  public JsonElement toJson() {
    JsonArray json = new JsonArray();
    for (Stored tensor : tensors.values()) {
      JsonObject entry = new JsonObject();
      entry.addProperty("name", tensor.info.name());
      entry.addProperty("type", tensor.info.type().name());
      JsonArray shape = new JsonArray();
      Arrays.stream(tensor.info.shape().getShape()).forEach(shape::add);
      entry.add("shape", shape);
      entry.addProperty("crc32c", tensor.crc);
      json.add(entry);
    }
    return json;
  }

  /**
   * {@inheritDoc}
   *
   * @throws IOException if the file does not hold these tensors
   */
  @Override
  public void resume(JsonElement json) throws IOException {
    for (JsonElement each : json.getAsJsonArray()) {
      JsonObject entry = each.getAsJsonObject();
      long[] shape =
          Streams.stream(entry.getAsJsonArray("shape")).mapToLong(JsonElement::getAsLong).toArray();
      TensorInfo info =
          new TensorInfo(
              entry.get("name").getAsString(),
              TensorType.valueOf(entry.get("type").getAsString()),
              new Shape(shape));
      Stored stored = new Stored(info, end(), entry.get("crc32c").getAsInt());
      requireIntact(stored);
      tensors.put(info.name(), stored);
    }
  }

  private void requireIntact(Stored tensor) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(Ints.checkedCast(tensor.info.bytes()));
    int read = 0;
    while (bytes.hasRemaining() && read >= 0) {
      read = channel.read(bytes, tensor.from + bytes.position());
    }
    if (bytes.hasRemaining() || crc(bytes.flip()) != tensor.crc) {
      throw new IOException(
          tensor.info.name()
              + ": what an interrupted run kept of it is damaged; give --restart (deletes the"
              + " journal) to begin anew");
    }
  }

  private void copy(long from, long bytes, WritableByteChannel out) throws IOException {
    for (long done = 0; done < bytes; ) {
      done += channel.transferTo(from + done, bytes - done, out);
    }
  }

  /**
   * Returns a tensor to be written.
   *
   * @param name its name
   * @return the tensor, readable until this is closed; empty where there is none of that name
   */
  public Optional<TensorOutput> output(String name) {
    return Optional.ofNullable(tensors.get(name))
        .map(t -> new TensorOutput(t.info, out -> copy(t.from, t.info.bytes(), out)));
  }

  /** Closes the file; a temporary one is gone then. */
  @Override
  public void close() throws IOException {
    channel.close();
  }
}
