package org.minillm.core.files;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Collection;
import java.util.Optional;

/**
 * A file that appears whole or not at all: it is written beside its place, brought to the disk and
 * renamed. Nothing but a regular file is ever replaced, and that only if it was asked for. A
 * stream, such as {@code /dev/stdout}, a named pipe or {@code /dev/null}, is written to and stays.
 */
public final class TargetFile {

  /** Produces what is to be in a file. */
  @FunctionalInterface
  public interface Content {

    /**
     * Writes the whole content.
     *
     * @param out takes all bytes it is given; not to be closed
     * @throws IOException if the content cannot be read or written
     */
    void writeTo(WritableByteChannel out) throws IOException;
  }

  /** Two reports at one moment take turns; who writes for longer is a rival. */
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  private final Path file;
  private final boolean overwrite;
  private final ImmutableList<Path> sources;

  private TargetFile(Path file, boolean overwrite, ImmutableList<Path> sources) {
    this.file = file;
    this.overwrite = overwrite;
    this.sources = sources;
  }

  /**
   * Names a target; nothing is touched.
   *
   * @param file where to
   * @param overwrite whether a regular file that stands there is replaced
   */
  public TargetFile(Path file, boolean overwrite) {
    this(requireNonNull(file, "file"), overwrite, ImmutableList.of());
  }

  /**
   * Names what is read meanwhile, and therefore never written over.
   *
   * @param read files and folders, such as a model's; need not exist
   * @return a target that is refused where it is one of them or lies within one
   */
  public TargetFile apartFrom(Collection<Path> read) {
    return new TargetFile(file, overwrite, ImmutableList.copyOf(requireNonNull(read, "read")));
  }

  /**
   * Tells whether the target is a stream: nothing stands there that could be replaced.
   *
   * @return true for a pipe, a terminal and the like, and for whatever {@code /dev/fd} leads to
   */
  public boolean isStream() {
    return OpenStream.at(file).isPresent();
  }

  /**
   * Checks that the target can be written, for callers who want to know before long work.
   *
   * @throws IOException if it exists and is not to be replaced, is a folder, a link or a device, is
   *     or lies within what is read, or if its folder is missing or not writable; the message says
   *     which
   */
  public void check() throws IOException {
    Optional<OpenStream> stream = OpenStream.at(file);
    if (stream.isPresent()) {
      stream.get().check();
      return;
    }
    TargetPlace place = TargetPlace.of(file);
    requireReplaceable(place);
    try (TargetLock lock = TargetLock.acquire(place, PATIENCE)) {
      lock.deleteLeftovers(TargetPlace.PARTIAL);
      place.tryOut();
    }
  }

  private void requireReplaceable(TargetPlace place) throws IOException {
    Path path = place.path();
    if (Files.isSymbolicLink(path)) {
      throw TargetPlace.refusal(
          path,
          "a symbolic link to " + Files.readSymbolicLink(path) + "; name the file it leads to");
    }
    place.requireApart(sources);
    if (!Files.exists(path)) {
      return;
    }
    if (!Files.isRegularFile(path)) {
      throw TargetPlace.refusal(
          path,
          (Files.isDirectory(path) ? "a folder" : "a device or socket")
              + ", expected a file's name; name another");
    }
    if (!overwrite) {
      throw new TargetExistsException(path);
    }
    if (!Files.isWritable(path)) {
      throw TargetPlace.refusal(
          path, "is write-protected for this user; allow writing, or name another file");
    }
  }

  /**
   * Writes a text.
   *
   * @param text written in UTF-8
   * @throws IOException if the target is refused, see {@link #check}, or cannot be written; what
   *     stood there before is then as it was
   */
  public void write(String text) throws IOException {
    write(out -> out.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8))));
  }

  /**
   * Writes the file, streaming its content.
   *
   * @param content called once
   * @throws IOException if the target is refused, see {@link #check}, or cannot be written; what
   *     stood there before is then as it was
   */
  public void write(Content content) throws IOException {
    Optional<OpenStream> stream = OpenStream.at(file);
    if (stream.isPresent()) {
      stream.get().write(content);
      return;
    }
    TargetPlace place = TargetPlace.of(file);
    try (TargetLock lock = TargetLock.acquire(place, PATIENCE)) {
      requireReplaceable(place);
      lock.deleteLeftovers(TargetPlace.PARTIAL);
      Path partial = place.unique(TargetPlace.PARTIAL);
      try {
        try (TargetChannel out = TargetChannel.create(partial, file)) {
          content.writeTo(out);
          out.force();
        }
        requireReplaceable(place); // others may have put something there meanwhile
        place.bequeathPermissions(partial);
        Files.move(partial, place.path(), StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(partial);
      }
      place.sync();
    }
  }

  /**
   * Writes a text behind what is there.
   *
   * @param text written in UTF-8
   * @throws IOException if the target is refused, see {@link #check}, or cannot be written; what
   *     stood there before is then as it was
   */
  public void append(String text) throws IOException {
    TargetPlace place = TargetPlace.of(file);
    try (TargetLock lock = TargetLock.acquire(place, PATIENCE)) {
      requireReplaceable(place);
      lock.deleteLeftovers(TargetPlace.PARTIAL);
      try (FileChannel end =
              FileChannel.open(
                  place.path(),
                  StandardOpenOption.WRITE,
                  StandardOpenOption.CREATE,
                  LinkOption.NOFOLLOW_LINKS);
          TargetChannel out = TargetChannel.file(end, file)) {
        long before = end.size();
        try {
          end.position(before);
          out.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
          out.force();
        } catch (IOException e) {
          end.truncate(before);
          throw e;
        }
      }
    }
  }

  @Override
  public String toString() {
    return file.toString();
  }
}
