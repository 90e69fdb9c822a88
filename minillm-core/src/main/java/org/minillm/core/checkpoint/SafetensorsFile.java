package org.minillm.core.checkpoint;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableList;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.minillm.core.files.Interrupts;

/**
 * One open safetensors file whose header was checked. Reads are positional and thread-safe.
 *
 * <p>An interrupt closes the channel under a thread that reads, and ends that read only: the next
 * one opens the file anew.
 */
final class SafetensorsFile implements Closeable {

  private final Path path;
  private final FileIdentity identity;
  private volatile FileChannel channel;
  private final long size;
  private final long dataStart;
  private final ImmutableList<SafetensorsHeader.Entry> entries;
  private volatile boolean closed;

  private SafetensorsFile(Path path, FileChannel channel) throws IOException {
    this.path = path;
    this.identity = FileIdentity.of(path);
    this.channel = channel;
    this.size = channel.size();
    long headerBytes = headerBytes();
    this.dataStart = SafetensorsHeader.LENGTH_BYTES + headerBytes;
    ByteBuffer json = ByteBuffer.allocate(Math.toIntExact(headerBytes));
    read(json, SafetensorsHeader.LENGTH_BYTES);
    this.entries = SafetensorsHeader.parse(json.array(), size - dataStart, path);
  }

  static SafetensorsFile open(Path path) throws IOException {
    FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
    try {
      return new SafetensorsFile(path, channel);
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private long headerBytes() throws IOException {
    if (size < SafetensorsHeader.LENGTH_BYTES) {
      throw new MalformedCheckpointException(
          String.format(
              "%s: %d bytes, too short for a safetensors file; it is truncated, or a Git LFS"
                  + " pointer: download it again",
              path, size));
    }
    ByteBuffer length =
        ByteBuffer.allocate(SafetensorsHeader.LENGTH_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    read(length, 0);
    long bytes = length.getLong(0);
    long available = size - SafetensorsHeader.LENGTH_BYTES;
    if (bytes <= 0 || bytes > SafetensorsHeader.MAX_BYTES || bytes > available) {
      throw new MalformedCheckpointException(
          String.format(
              "%s: a header of %s bytes, expected 1 to %d (%s); not a safetensors file, or"
                  + " truncated: download it again",
              path,
              Long.toUnsignedString(bytes),
              Math.min(available, SafetensorsHeader.MAX_BYTES),
              available < SafetensorsHeader.MAX_BYTES ? "the file's end" : "the format's limit"));
    }
    return bytes;
  }

  Path path() {
    return path;
  }

  long size() {
    return size;
  }

  /** In the order of their data. */
  ImmutableList<StoredTensor> tensors() {
    return entries.stream()
        .map(entry -> new StoredTensor(entry.info(), this, dataStart + entry.begin()))
        .collect(ImmutableList.toImmutableList());
  }

  /** Fills what remains of the buffer; the position is counted from the start of the file. */
  void read(ByteBuffer into, long position) throws IOException {
    long at = position;
    while (into.hasRemaining()) {
      int count = readSome(into, at);
      if (count < 0) {
        throw new MalformedCheckpointException(
            String.format(
                "%s: ends at byte %d, expected %d more; it was cut while it was open",
                path, at, into.remaining()));
      }
      at += count;
    }
  }

  private int readSome(ByteBuffer into, long at) throws IOException {
    while (true) {
      Interrupts.requireNone();
      FileChannel open = channel;
      try {
        return open.read(into, at);
      } catch (ClosedByInterruptException e) {
        throw e; // of this thread
      } catch (ClosedChannelException e) {
        openAnew(open);
      }
    }
  }

  private synchronized void openAnew(FileChannel broken) throws IOException {
    checkState(!closed, "%s is closed; open its folder again", path);
    if (channel == broken) {
      if (!identity.equals(FileIdentity.of(path))) {
        throw new IOException(path + ": was replaced while it was open; open its folder again");
      }
      channel = FileChannel.open(path, StandardOpenOption.READ);
    }
  }

  @Override
  public synchronized void close() throws IOException {
    closed = true;
    channel.close();
  }
}
