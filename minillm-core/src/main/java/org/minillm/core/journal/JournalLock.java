package org.minillm.core.journal;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Keeps other runs away from a journal: an empty file beside it, locked as long as the run lives.
 * The system takes the lock from a process that died, and knows those of other containers.
 */
final class JournalLock implements Closeable {

  // The system keeps other processes away, not other threads; and it takes the lock when the
  // process closes any channel of the file.
  private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

  private final Path file;
  private final FileChannel channel;

  private JournalLock(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /**
   * Takes the lock of a journal.
   *
   * @param folder of the journal; need not exist
   * @return the lock; empty where another run has it
   * @throws IOException if no file can be made there
   */
  static Optional<JournalLock> tryAcquire(Path folder) throws IOException {
    Path beside = folder.toAbsolutePath().normalize();
    Path parent = Objects.requireNonNull(beside.getParent(), "a journal is no root").toRealPath();
    Path file = parent.resolve("." + beside.getFileName() + ".lock");
    if (!HELD.add(file)) {
      return Optional.empty();
    }
    Optional<JournalLock> lock = Optional.empty();
    try {
      lock = locked(file).map(channel -> new JournalLock(file, channel));
    } finally {
      if (lock.isEmpty()) {
        HELD.remove(file);
      }
    }
    return lock;
  }

  private static Optional<FileChannel> locked(Path file) throws IOException {
    while (true) {
      Object before = identity(file);
      FileChannel channel =
          FileChannel.open(
              file, StandardOpenOption.WRITE, StandardOpenOption.CREATE, LinkOption.NOFOLLOW_LINKS);
      boolean kept = false;
      try {
        if (channel.size() > 0) {
          throw new FileSystemException(file.toString(), null, "is no lock; move it away");
        }
        if (!tryLock(channel)) {
          return Optional.empty();
        }
        // a run that ends deletes its file, and another may have made a new one meanwhile
        kept = before != null && before.equals(identity(file));
        if (kept) {
          return Optional.of(channel);
        }
      } finally {
        if (!kept) {
          channel.close();
        }
      }
    }
  }

  private static boolean tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      return false;
    }
  }

  /** Tells one file from another of the same name; null where there is none. */
  private static @Nullable Object identity(Path file) throws IOException {
    try {
      Object key =
          Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
              .fileKey();
      // Windows has no key, and lets nobody delete an open file
      return key == null ? file : key;
    } catch (NoSuchFileException e) {
      return null;
    }
  }

  @Override
  public void close() throws IOException {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      // it is empty and hidden, and the next run takes it
    } finally {
      channel.close();
      HELD.remove(file);
    }
  }
}
