package org.minillm.core.checkpoint;

import static java.util.Objects.requireNonNull;

import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Bytes that wait on the disk, in a file that goes when this is closed or the process dies, and
 * that has no name where the system allows it. It is read and written by position, not mapped: a
 * page that was written is the system's, and no part of what the process holds.
 */
public final class ScratchFile implements Closeable {

  private final Path folder;
  private final FileChannel channel;

  private ScratchFile(Path folder, FileChannel channel) {
    this.folder = folder;
    this.channel = channel;
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
    return new ScratchFile(place, open(place));
  }

  /** Opens a file that an already open channel stands for, to see what happens when it is full. */
  static ScratchFile over(Path folder, FileChannel channel) {
    return new ScratchFile(folder, channel);
  }

  /** Makes an empty file that goes with its channel. */
  static FileChannel open(Path folder) throws IOException {
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
    } catch (IOException e) {
      throw new IOException(
          String.format(
              "%s: a scratch file of %,d MB cannot be written (%s); free room on that disk, or give"
                  + " a larger memory budget or fewer windows",
              folder, Math.max(1, end / 1_000_000), e.getMessage()),
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
        throw new EOFException(folder + ": a scratch file ends too early");
      }
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
