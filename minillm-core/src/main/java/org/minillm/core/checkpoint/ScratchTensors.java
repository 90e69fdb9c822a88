package org.minillm.core.checkpoint;

import static com.google.common.base.Preconditions.checkArgument;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Tensors that were computed and wait on the disk until the writer asks for them, so that memory
 * holds one of them at a time. The file goes when this is closed, or when the process dies.
 */
public final class ScratchTensors implements Closeable {

  private final FileChannel channel;
  private final Map<String, TensorOutput> outputs = new LinkedHashMap<>();

  /**
   * Makes an empty scratch file.
   *
   * @param folder where; expected on a disk with room for the tensors
   * @throws IOException if no file can be made there
   */
  public ScratchTensors(Path folder) throws IOException {
    Path file = Files.createTempFile(folder, ".minillm-scratch-", ".tmp");
    channel =
        FileChannel.open(
            file,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.DELETE_ON_CLOSE);
    try {
      // An open file without a name goes with the process, even a killed one.
      Files.deleteIfExists(file);
    } catch (FileSystemException e) {
      // Windows keeps the name; the file then goes when it is closed.
    }
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
    long from = channel.size();
    channel.position(from);
    ByteBuffer bytes = Narrowing.narrow(info.type(), values);
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
    outputs.put(info.name(), new TensorOutput(info, out -> copy(from, info.bytes(), out)));
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
    return Optional.ofNullable(outputs.get(name));
  }

  /** Frees the disk. */
  @Override
  public void close() throws IOException {
    channel.close();
  }
}
