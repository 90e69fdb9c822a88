package org.minillm.core.files;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.apiguardian.api.API;

/** Takes the bytes of a target, and says which it is when it fails: the system's words do not. */
@API(status = API.Status.INTERNAL)
public final class TargetChannel implements WritableByteChannel {

  private static final String FULL = "; free room on that disk, or name a target on another";

  private final WritableByteChannel channel;
  private final Path target;
  private final String remedy;

  private TargetChannel(WritableByteChannel channel, Path target, String remedy) {
    this.channel = channel;
    this.target = target;
    this.remedy = remedy;
  }

  /**
   * Makes a new file.
   *
   * @param path of the file; nothing may be there
   * @param target how messages name it
   * @return its channel
   * @throws IOException if it cannot be made
   */
  public static TargetChannel create(Path path, Path target) throws IOException {
    requireNonNull(path, "path");
    requireNonNull(target, "target");
    try {
      return file(
          FileChannel.open(path, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW), target);
    } catch (FileSystemException e) {
      throw TargetPlace.refusal(target, "cannot be made (" + TargetPlace.reason(e) + ")" + FULL, e);
    }
  }

  /** Over a file that is open. */
  static TargetChannel file(FileChannel file, Path target) {
    return new TargetChannel(file, target, FULL);
  }

  /** Over a stream that is open. */
  static TargetChannel stream(WritableByteChannel stream, Path target) {
    return new TargetChannel(stream, target, "");
  }

  @Override
  public int write(ByteBuffer source) throws IOException {
    int count = source.remaining();
    try {
      while (source.hasRemaining()) {
        channel.write(source);
      }
    } catch (IOException e) {
      throw worded(e);
    }
    return count;
  }

  /**
   * Waits until everything is on the disk.
   *
   * @throws IOException if it cannot get there
   */
  public void force() throws IOException {
    try {
      if (channel instanceof FileChannel file) {
        file.force(true);
      }
    } catch (IOException e) {
      throw worded(e);
    }
  }

  /** An interrupt closes channels, and is no failure of the target. */
  private IOException worded(IOException problem) {
    return problem instanceof ClosedChannelException
        ? problem
        : TargetPlace.refusal(
            target, "cannot be written (" + TargetPlace.reason(problem) + ")" + remedy, problem);
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
