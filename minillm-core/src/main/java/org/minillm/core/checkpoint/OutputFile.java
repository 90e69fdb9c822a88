package org.minillm.core.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.function.LongConsumer;

/** Counts and hashes what is written to a file. */
final class OutputFile implements WritableByteChannel {

  /**
   * What the manifest says of a file.
   *
   * @param bytes its size
   * @param sha256 of its content, in lower-case hexadecimal
   */
  record Written(long bytes, String sha256) {}

  private final WritableByteChannel channel;
  private final MessageDigest digest;
  private final LongConsumer progress;
  private long bytes;

  /** The progress is told of every number of bytes written. */
  OutputFile(WritableByteChannel channel, LongConsumer progress) {
    this.channel = channel;
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

  /** Returns what was written. No more can be written then. */
  Written written() {
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
