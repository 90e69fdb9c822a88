package org.minillm.core.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.function.LongConsumer;

/** A new file that counts and hashes what is written to it. */
final class OutputFile implements WritableByteChannel {

  /**
   * What the manifest says of a file.
   *
   * @param bytes its size
   * @param sha256 of its content, in lower-case hexadecimal
   */
  record Written(long bytes, String sha256) {}

  private final FileChannel channel;
  private final MessageDigest digest;
  private final LongConsumer progress;
  private long bytes;

  /** The progress is told of every number of bytes written. */
  OutputFile(Path path, LongConsumer progress) throws IOException {
    this.channel = FileChannel.open(path, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
    this.progress = progress;
    try {
      this.digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }

  @Override
  public int write(ByteBuffer source) throws IOException {
    int count = source.remaining();
    ByteBuffer hashed = source.duplicate();
    while (source.hasRemaining()) {
      channel.write(source);
    }
    digest.update(hashed);
    bytes += count;
    progress.accept(count);
    return count;
  }

  long bytes() {
    return bytes;
  }

  /** Waits until everything is on the disk. No more can be written then. */
  Written finish() throws IOException {
    channel.force(true);
    channel.close();
    return new Written(bytes, HexFormat.of().formatHex(digest.digest()));
  }

  @Override
  public boolean isOpen() {
    return channel.isOpen();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
