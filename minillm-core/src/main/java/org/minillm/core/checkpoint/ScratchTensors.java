package org.minillm.core.checkpoint;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apiguardian.api.API;
import org.minillm.core.files.JsonNode;

/**
 * Tensors that were computed and wait on the disk until the writer asks for them, so that memory
 * holds one of them at a time.
 */
@API(status = API.Status.INTERNAL)
public final class ScratchTensors implements Closeable {

  private static final int BUFFER_BYTES = 1 << 20;

  private final ScratchFile file;
  private final Map<String, Stored> tensors = new LinkedHashMap<>();

  /** Where a tensor is in the file, and the CRC-32C of its bytes. */
  private record Stored(TensorInfo info, long from, int crc) {}

  private ScratchTensors(ScratchFile file) {
    this.file = file;
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
    return new ScratchTensors(ScratchFile.keptIn(file));
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
    return new ScratchTensors(ScratchFile.in(folder));
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
    ByteBuffer bytes = Narrowing.narrow(info.type(), values);
    int crc = Hashing.crc32c().newHasher().putBytes(bytes.duplicate()).hash().asInt();
    file.write(bytes, from);
    tensors.put(info.name(), new Stored(info, from, crc));
  }

  private long end() {
    return tensors.values().stream().mapToLong(t -> t.from + t.info.bytes()).max().orElse(0);
  }

  /**
   * Writes down which tensors are kept.
   *
   * @return for {@link #resume}
   */
  public JsonElement toJson() {
    JsonArray json = new JsonArray();
    for (Stored tensor : tensors.values()) {
      JsonObject entry = new JsonObject();
      entry.addProperty("name", tensor.info.name());
      entry.addProperty("crc32c", tensor.crc);
      json.add(entry);
    }
    return json;
  }

  /** Knows the tensors of a model. */
  @FunctionalInterface
  public interface Catalog {

    /**
     * Describes a tensor.
     *
     * @param name its name
     * @return how it was {@link #put}
     * @throws IOException if there is no such tensor
     */
    TensorInfo tensor(String name) throws IOException;
  }

  /**
   * Takes over the tensors that an earlier run has kept in the file.
   *
   * @param json as of {@link #toJson}
   * @param catalog their types and shapes
   * @throws IOException if the file cannot be read
   * @throws IllegalArgumentException if it does not hold these tensors; none is taken over then
   */
  public void resume(JsonNode json, Catalog catalog) throws IOException {
    List<Stored> all = new ArrayList<>();
    long from = end();
    for (JsonNode entry : json.items()) {
      Stored tensor =
          new Stored(info(entry.get("name"), catalog), from, entry.get("crc32c").integer());
      checkArgument(isIntact(tensor), "what was kept of %s is damaged", tensor.info.name());
      all.add(tensor);
      from += tensor.info.bytes();
    }
    all.forEach(tensor -> tensors.put(tensor.info.name(), tensor));
  }

  private static TensorInfo info(JsonNode name, Catalog catalog) throws IOException {
    try {
      return catalog.tensor(name.text());
    } catch (MalformedCheckpointException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  private boolean isIntact(Stored tensor) throws IOException {
    long end = tensor.from + tensor.info.bytes();
    if (end > file.size()) {
      return false;
    }
    Hasher hasher = Hashing.crc32c().newHasher();
    ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(BUFFER_BYTES, tensor.info.bytes()));
    for (long at = tensor.from; at < end; at += buffer.limit()) {
      buffer.clear().limit((int) Math.min(buffer.capacity(), end - at));
      file.read(buffer, at);
      hasher.putBytes(buffer.flip());
    }
    return hasher.hash().asInt() == tensor.crc;
  }

  /**
   * Returns a tensor to be written.
   *
   * @param name its name
   * @return the tensor, readable until this is closed; empty where there is none of that name
   */
  public Optional<TensorOutput> output(String name) {
    return Optional.ofNullable(tensors.get(name))
        .map(t -> new TensorOutput(t.info, out -> file.copy(t.from, t.info.bytes(), out)));
  }

  /** Closes the file; a temporary one is gone then. */
  @Override
  public void close() throws IOException {
    file.close();
  }
}
