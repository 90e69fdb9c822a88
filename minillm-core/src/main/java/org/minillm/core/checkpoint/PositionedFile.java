package org.minillm.core.checkpoint;

import static com.google.common.base.Preconditions.checkState;
import static java.util.Objects.requireNonNull;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.minillm.core.files.Interrupts;

/**
 * An open file that is read by position, by several threads.
 *
 * <p>An interrupt closes the channel under a thread that reads, and ends that read only: the next
 * one opens the file anew.
 */
public final class PositionedFile implements Closeable {

  private final Path path;
  private final FileIdentity identity;
  private volatile FileChannel channel;
  private final long size;
  private volatile boolean closed;

  private PositionedFile(Path path, FileChannel channel) throws IOException {
    this.path = path;
    this.identity = FileIdentity.of(path);
    this.channel = channel;
    this.size = channel.size();
  }

  /**
   * Opens a file.
   *
   * @param path where it is
   * @return to be closed
   * @throws IOException if it cannot be read
   */
  public static PositionedFile open(Path path) throws IOException {
    requireNonNull(path, "path");
    FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
    try {
      return new PositionedFile(path, channel);
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  /**
   * Returns where the file is.
   *
   * @return as given to {@link #open}
   */
  public Path path() {
    return path;
  }

  /**
   * Returns the size that the file had when it was opened.
   *
   * @return bytes
   */
  public long size() {
    return size;
  }

  /**
   * Fills what remains of a buffer.
   *
   * @param into filled to its limit
   * @param position of the first byte, from the start of the file
   * @throws MalformedCheckpointException if the file ends before
   * @throws IOException if it cannot be read, or is another one meanwhile
   */
  public void read(ByteBuffer into, long position) throws IOException {
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
