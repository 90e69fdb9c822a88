package org.minillm.core.checkpoint;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import com.google.common.primitives.ImmutableIntArray;
import com.google.gson.JsonObject;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.minillm.core.files.MalformedFileException;
import org.minillm.core.plugin.Plugins;

/**
 * A model, open for reading: a Hugging Face folder with config.json and weights, as safetensors or
 * else as PyTorch's, in one file or in shards; or a file that is a whole model, such as GGUF.
 * Everything that the format prescribes is checked when the folder is opened.
 *
 * <p>Files are not mapped into memory: Java 17 cannot unmap, a mapping would count as resident
 * until the garbage collector came by, and a file that is cut while it is mapped kills the process.
 * Tensors are read by position through a buffer of 1 MiB and widened from there straight into the
 * native memory of a new array. So memory is what the arrays take, and a truncated file is an
 * exception.
 *
 * <p>Safe for use by several threads. After {@link #close()} weights cannot be read, which is an
 * {@link IllegalStateException}, in a thread that reads meanwhile, too; the contents it has handed
 * out end with it. Closing again does nothing. Interrupting a thread that reads ends its read with
 * a {@link java.nio.channels.ClosedByInterruptException}, and no other: the checkpoint stays open.
 */
public final class Checkpoint implements Closeable {

  static final String CONFIG = "config.json";

  /** Of a tensor's start and end, in the digest that tells checkpoints apart. */
  private static final int SAMPLE_BYTES = 4096;

  private final Path path;
  private final CheckpointContents contents;
  private final ImmutableMap<String, StoredTensor> stored;
  private final ImmutableMap<String, TensorInfo> tensors;
  private final TransferBuffers buffers = new TransferBuffers();

  private Checkpoint(Path path, CheckpointContents contents) {
    this.path = path;
    this.contents = contents;
    this.stored =
        contents.tensors().stream()
            .collect(ImmutableMap.toImmutableMap(tensor -> tensor.info().name(), t -> t));
    this.tensors =
        stored.values().stream()
            .map(StoredTensor::info)
            .collect(ImmutableMap.toImmutableMap(TensorInfo::name, info -> info));
  }

  /**
   * Opens a model and checks its headers; no weight is read yet.
   *
   * @param path a folder that holds config.json and model.safetensors or pytorch_model.bin, or
   *     shards and their index; or a file of which some {@link CheckpointFormat} knows the form
   * @return the open checkpoint
   * @throws MalformedFileException if a file is missing or not what its format prescribes
   * @throws IOException if the folder or a file cannot be read
   */
  public static Checkpoint open(Path path) throws IOException {
    requireNonNull(path, "path");
    if (!Files.exists(path)) {
      throw new NoSuchFileException(
          path.toString(), null, "no such folder, expected a Hugging Face model folder");
    }
    return new Checkpoint(path, Files.isDirectory(path) ? FolderContents.open(path) : opened(path));
  }

  private static CheckpointContents opened(Path file) throws IOException {
    if (Files.isRegularFile(file)) {
      for (CheckpointFormat format : Plugins.all(CheckpointFormat.class).values()) {
        if (format.recognises(file)) {
          return format.open(file);
        }
      }
    }
    throw new FileSystemException(
        file.toString(),
        null,
        "not a folder, and no file that is a whole model; expected the folder that holds"
            + " config.json");
  }

  /**
   * Returns where the model is.
   *
   * @return as given to {@link #open}
   */
  public Path path() {
    return path;
  }

  /**
   * Returns config.json.
   *
   * @return a copy, the caller's to change; numbers keep their literals
   */
  public JsonObject config() {
    return contents.config().deepCopy();
  }

  /**
   * Lists the tensors.
   *
   * @return by name, in the order of the shards' names and of the data within a file
   */
  public ImmutableMap<String, TensorInfo> tensors() {
    return tensors;
  }

  /**
   * Tells whether a tensor is there.
   *
   * @param name its name
   * @return true if it can be read
   */
  public boolean contains(String name) {
    return tensors.containsKey(name);
  }

  /**
   * Describes a tensor.
   *
   * @param name its name
   * @return type and shape
   * @throws MalformedCheckpointException if there is no such tensor
   */
  public TensorInfo tensor(String name) throws MalformedCheckpointException {
    return stored(name).info();
  }

  /**
   * Adds up the sizes of the weight files.
   *
   * @return bytes
   */
  public long bytes() {
    return contents.bytes();
  }

  /**
   * Reads a whole tensor.
   *
   * @param name its name
   * @param owner where the array hangs, and on whose device it lies
   * @return FLOAT32, of the tensor's shape
   * @throws IllegalArgumentException if the array would take 2 GiB or more
   * @throws MalformedCheckpointException if there is no such tensor or its type is not readable
   * @throws IOException if the file cannot be read
   */
  public NDArray read(String name, NDManager owner) throws IOException {
    return readable(name).all(owner);
  }

  /**
   * Reads consecutive rows: indices of the first axis.
   *
   * @param name the tensor's name
   * @param from first row
   * @param to row after the last
   * @param owner where the array hangs, and on whose device it lies
   * @return FLOAT32, (to - from, …), the other axes as in the tensor
   * @throws IllegalArgumentException if the rows are not there, or would take 2 GiB or more
   * @throws MalformedCheckpointException if there is no such tensor or its type is not readable
   * @throws IOException if the file cannot be read
   */
  public NDArray readRows(String name, long from, long to, NDManager owner) throws IOException {
    return readable(name).rows(from, to, owner);
  }

  /**
   * Reads chosen rows, as an embedding does. The rows are read one by one, so the tensor may be of
   * any size.
   *
   * @param name the tensor's name
   * @param rows indices of the first axis, in any order; they may repeat
   * @param owner where the array hangs, and on whose device it lies
   * @return FLOAT32, (rows.length, …), the other axes as in the tensor
   * @throws IllegalArgumentException if a row is not there, or they would take 2 GiB or more
   * @throws MalformedCheckpointException if there is no such tensor or its type is not readable
   * @throws IOException if the file cannot be read
   */
  public NDArray gatherRows(String name, int[] rows, NDManager owner) throws IOException {
    return readable(name).rows(rows, owner);
  }

  /**
   * Hands out a tensor's bytes, to be written elsewhere as they are.
   *
   * @param name its name
   * @return valid while this checkpoint is open; {@code tensor(name).bytes()} bytes
   * @throws MalformedCheckpointException if there is no such tensor
   */
  public TensorContent content(String name) throws MalformedCheckpointException {
    return StoredContent.whole(stored(name), buffers);
  }

  /**
   * Hands out the kept indices of one axis, in the type in which they are stored.
   *
   * @param name the tensor's name
   * @param axis 0 to keep rows, 1 to keep columns
   * @param indices what is kept, in ascending order
   * @return valid while this checkpoint is open; the bytes of the tensor's shape with {@code
   *     indices.length()} in place of the axis
   * @throws IllegalArgumentException if there is no such axis, or the indices do not ascend within
   *     it
   * @throws MalformedCheckpointException if there is no such tensor
   */
  public TensorContent select(String name, int axis, ImmutableIntArray indices)
      throws MalformedCheckpointException {
    return StoredContent.selected(checkedIndices(name, axis, indices), buffers, axis, indices);
  }

  /**
   * Hands out a tensor in which the indices of one axis that are not kept are zero, in the type and
   * shape in which it is stored.
   *
   * @param name the tensor's name
   * @param axis 0 to keep rows, 1 to keep columns
   * @param indices what is kept, in ascending order
   * @return valid while this checkpoint is open; {@code tensor(name).bytes()} bytes
   * @throws IllegalArgumentException if there is no such axis, or the indices do not ascend within
   *     it
   * @throws MalformedCheckpointException if there is no such tensor
   */
  public TensorContent zeroed(String name, int axis, ImmutableIntArray indices)
      throws MalformedCheckpointException {
    return StoredContent.zeroed(checkedIndices(name, axis, indices), buffers, axis, indices);
  }

  private StoredTensor checkedIndices(String name, int axis, ImmutableIntArray indices)
      throws MalformedCheckpointException {
    StoredTensor tensor = stored(name);
    Shape shape = tensor.info().shape();
    checkArgument(
        0 <= axis && axis < shape.dimension(), "%s: no axis %s in shape %s", name, axis, shape);
    int previous = -1;
    for (int i = 0; i < indices.length(); i++) {
      int index = indices.get(i);
      checkArgument(
          previous < index && index < shape.get(axis),
          "%s: index %s after %s on axis %s, expected ascending indices below %s",
          name,
          index,
          previous,
          axis,
          shape.get(axis));
      previous = index;
    }
    return tensor;
  }

  /**
   * Lists the files that belong to the model but hold no weights: the tokenizer's, generation
   * defaults, the licence. They are copied as they are.
   *
   * @return plain files directly in the folder, sorted by name; none of a model that is one file
   * @throws IOException if the folder cannot be listed
   */
  public ImmutableList<Path> companions() throws IOException {
    return Files.isDirectory(path) ? FolderContents.companions(path) : ImmutableList.of();
  }

  /**
   * Returns further texts of the model that are no files of its folder: those that stand in a file
   * with everything else.
   *
   * @return by the names that they would have in a folder, such as tokenizer.json
   */
  public ImmutableMap<String, String> texts() {
    return contents.texts();
  }

  /**
   * Tells checkpoints apart without reading all of them: a digest of the name, type and shape of
   * every tensor, and of its first and last bytes.
   *
   * @return SHA-256 in hexadecimal
   * @throws IOException if a file cannot be read
   */
  public String sha256OfSamples() throws IOException {
    Hasher hasher = Hashing.sha256().newHasher();
    for (StoredTensor tensor : stored.values()) {
      TensorInfo info = tensor.info();
      hasher.putUnencodedChars(info.name() + " " + info.type() + " " + info.shape());
      int sample = (int) Math.min(SAMPLE_BYTES, info.bytes());
      for (long offset : new long[] {0, info.bytes() - sample}) {
        ByteBuffer bytes = ByteBuffer.allocate(sample);
        tensor.read(bytes, offset);
        hasher.putBytes(bytes.flip());
      }
    }
    return hasher.hash().toString();
  }

  @Override
  public void close() throws IOException {
    contents.files().close();
  }

  private StoredTensor stored(String name) throws MalformedCheckpointException {
    StoredTensor tensor = stored.get(name);
    if (tensor == null) {
      throw new MalformedCheckpointException(path + ": no tensor " + name);
    }
    return tensor;
  }

  private ArrayReader readable(String name) throws MalformedCheckpointException {
    requireReadable(name);
    return new ArrayReader(stored(name), buffers);
  }

  /**
   * Refuses a tensor that cannot be computed with.
   *
   * @param name its name
   * @throws MalformedCheckpointException if there is no such tensor, or its type is one of
   *     quantised weights
   */
  public void requireReadable(String name) throws MalformedCheckpointException {
    StoredTensor tensor = stored(name);
    TensorType type = tensor.info().type();
    if (!type.isReadable()) {
      throw new MalformedCheckpointException(
          String.format(
              "%s: %s is %s, expected F32, F16, BF16 or F64; a quantised model cannot be pruned:"
                  + " start from the one it was made of",
              tensor.file(), name, type));
    }
  }

  /**
   * Tells whether two tensors are stored alike. Reads them as far as they are.
   *
   * @param one its name
   * @param other its name
   * @return true where type, shape and all bytes are equal
   * @throws MalformedCheckpointException if there is no such tensor
   * @throws IOException if a file cannot be read
   */
  public boolean sameNumbers(String one, String other) throws IOException {
    StoredTensor first = stored(one);
    StoredTensor second = stored(other);
    TensorInfo info = first.info();
    if (info.type() != second.info().type() || !info.shape().equals(second.info().shape())) {
      return false;
    }
    if (first.bytes().equals(second.bytes())) {
      return true; // one storage under two names, as PyTorch saves tied weights
    }
    ByteBuffer ofFirst = buffers.take();
    ByteBuffer ofSecond = buffers.take();
    try {
      boolean same = true;
      for (long at = 0; same && at < info.bytes(); at += ofFirst.limit()) {
        int count = (int) Math.min(ofFirst.capacity(), info.bytes() - at);
        first.read(ofFirst.clear().limit(count), at);
        second.read(ofSecond.clear().limit(count), at);
        same = ofFirst.flip().equals(ofSecond.flip());
      }
      return same;
    } finally {
      buffers.give(ofFirst);
      buffers.give(ofSecond);
    }
  }

  /**
   * Looks through tensors for numbers that are NaN or infinite. Reads them whole.
   *
   * @param names of tensors of a readable type
   * @throws MalformedCheckpointException if there is one; the message names file, tensor and place
   * @throws IOException if a file cannot be read
   */
  public void requireFinite(Iterable<String> names) throws IOException {
    FiniteScan scan = new FiniteScan();
    for (String name : names) {
      requireReadable(name);
      StoredTensor tensor = stored(name);
      OptionalLong found = scan.first(tensor, buffers);
      if (found.isPresent()) {
        throw new MalformedCheckpointException(
            String.format(
                "%s: %s%s is NaN or infinite, expected finite weights; the file is damaged, or was"
                    + " so when it was made: download or convert the model again",
                tensor.file(), name, tensor.info().place(found.getAsLong())));
      }
    }
  }
}
