package org.minillm.core.checkpoint;

import static java.util.Objects.requireNonNull;

import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.apiguardian.api.API;

/**
 * Bytes that wait on the disk, in a file that goes when this is closed or the process dies, and
 * that has no name where the system allows it. It is read and written by position, not mapped: a
 * page that was written is the system's, and no part of what the process holds.
 */
@API(status = API.Status.INTERNAL)
public final class ScratchFile implements Closeable {

  private static final String FREE_ROOM = "free room on that disk";
  private static final String MORE_MEMORY = ", or give a larger memory budget or fewer windows";

  private final Path place;
  private final FileChannel channel;
  private final String remedy;

  private ScratchFile(Path place, FileChannel channel, String remedy) {
    this.place = place;
    this.channel = channel;
    this.remedy = remedy;
  }

  /**
   * Makes an empty file.
   *
   * @param folder where, on a disk with room; if nothing can be written there, the file is made in
   *     the system's folder for temporary files
   * @return the file; to be closed
   * @throws IOException if no file can be made
   */
  public static ScratchFile near(Path folder) throws IOException {
    requireNonNull(folder, "folder");
    Path place = Files.isWritable(folder) ? folder : Path.of(System.getProperty("java.io.tmpdir"));
    return over(place, open(place));
  }

  /** Opens a file that an already open channel stands for, to see what happens when it is full. */
  static ScratchFile over(Path folder, FileChannel channel) {
    return new ScratchFile(folder, channel, FREE_ROOM + MORE_MEMORY);
  }

  /** Makes an empty file in a folder, of a size that no memory budget changes. */
  static ScratchFile in(Path folder) throws IOException {
    return new ScratchFile(folder, open(folder), FREE_ROOM);
  }

  /** Opens a file that stays when this is closed, and makes it where there is none. */
  static ScratchFile keptIn(Path file) throws IOException {
    FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
    return new ScratchFile(file, channel, FREE_ROOM);
  }

  /** Makes an empty file that goes with its channel. */
  private static FileChannel open(Path folder) throws IOException {
    Path file = Files.createTempFile(folder, ".minillm-scratch-", ".tmp");
    FileChannel channel =
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
    return channel;
  }

  /**
   * Writes.
   *
   * @param bytes from the buffer's position to its limit
   * @param at where they begin in the file
   * @throws IOException if the disk is full
   */
  public void write(ByteBuffer bytes, long at) throws IOException {
    long end = at + bytes.remaining();
    try {
      while (bytes.hasRemaining()) {
        channel.write(bytes, end - bytes.remaining());
      }
    } catch (ClosedByInterruptException e) {
      throw e;
    } catch (IOException e) {
      throw new IOException(
          String.format(
              "%s: a scratch file of %,d MB cannot be written (%s); %s",
              place, Math.max(1, end / 1_000_000), e.getMessage(), remedy),
          e);
    }
  }

  /**
   * Reads what was written.
   *
   * @param target filled from its position to its limit
   * @param at where to begin in the file
   * @throws IOException if the file cannot be read
   */
  public void read(ByteBuffer target, long at) throws IOException {
    long end = at + target.remaining();
    while (target.hasRemaining()) {
      if (channel.read(target, end - target.remaining()) < 0) {
        throw new EOFException(place + ": a scratch file ends too early");
      }
    }
  }

  /** Writes a part of it to a channel. */
  void copy(long from, long bytes, WritableByteChannel out) throws IOException {
    for (long done = 0; done < bytes; ) {
      done += channel.transferTo(from + done, bytes - done, out);
    }
  }

  long size() throws IOException {
    return channel.size();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
