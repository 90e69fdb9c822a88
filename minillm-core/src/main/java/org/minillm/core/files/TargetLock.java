package org.minillm.core.files;

import static java.util.Objects.requireNonNull;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import org.apiguardian.api.API;
import org.jspecify.annotations.Nullable;

/**
 * The right to write a target, which one writer has at a time. The kernel keeps it, on a file
 * beside the target, and gives it back when the process dies: whoever holds it knows that partial
 * files beside the target are of the dead, whatever container or user they were of.
 */
@API(status = API.Status.INTERNAL)
public final class TargetLock implements Closeable {

  private static final String SUFFIX = ".minillm-lock";
  private static final int RETRY_MILLIS = 20;
  private static final int MAX_MARK = 1 << 16;

  // A process has one lock on a file: closing a second channel would give back the first one's.
  private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

  private final TargetPlace place;
  private final Path file;
  private final FileChannel channel;

  private TargetLock(TargetPlace place, Path file, FileChannel channel) {
    this.place = place;
    this.file = file;
    this.channel = channel;
  }

  /**
   * Takes the lock.
   *
   * @param place of the target
   * @param patience how long to wait for another writer to end
   * @return the lock, to be closed
   * @throws IOException if another writer has it, or no file can be made there
   */
  public static TargetLock acquire(TargetPlace place, Duration patience) throws IOException {
    requireNonNull(place, "place");
    requireNonNull(patience, "patience");
    Path target = place.path();
    Path file = target.resolveSibling("." + target.getFileName() + SUFFIX);
    long deadline = System.nanoTime() + patience.toNanos();
    while (true) {
      TargetLock lock = tryAcquire(place, file);
      if (lock != null) {
        return lock;
      }
      if (System.nanoTime() >= deadline) {
        throw TargetPlace.refusal(
            target,
            "is being written by another "
                + (HELD.contains(file) ? "thread" : "process")
                + "; wait until it is done, or name another target");
      }
      pause();
    }
  }

  private static void pause() throws ClosedByInterruptException {
    try {
      Thread.sleep(RETRY_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ClosedByInterruptException();
    }
  }

  /** Returns null if another writer has the lock. */
  private static @Nullable TargetLock tryAcquire(TargetPlace place, Path file) throws IOException {
    if (!HELD.add(file)) {
      return null;
    }
    FileChannel channel = null;
    try {
      channel = openLocked(file);
      return channel == null ? null : new TargetLock(place, file, channel);
    } catch (ClosedChannelException e) {
      throw e; // interrupted
    } catch (IOException e) {
      throw Files.exists(file, LinkOption.NOFOLLOW_LINKS)
          ? TargetPlace.refusal(
              file,
              String.format(
                  "cannot be locked (%s); a run of another user writes %s, or was killed and left"
                      + " it: then delete it",
                  TargetPlace.reason(e), place.path().getFileName()),
              e)
          : place.cannotCreate(e);
    } finally {
      if (channel == null) {
        HELD.remove(file);
      }
    }
  }

  private static @Nullable FileChannel openLocked(Path file) throws IOException {
    while (true) {
      FileChannel channel =
          FileChannel.open(
              file, StandardOpenOption.WRITE, StandardOpenOption.CREATE, LinkOption.NOFOLLOW_LINKS);
      try {
        boolean locked = isLocked(channel);
        if (locked && isAt(file, channel)) {
          return channel;
        }
        channel.close();
        if (!locked) {
          return null;
        }
      } catch (ClosedChannelException e) {
        throw e; // interrupted
      } catch (IOException e) {
        // the disk is full or knows no locks: no reason to leave the file there
        try (channel) {
          Files.deleteIfExists(file);
        }
        throw e;
      }
    }
  }

  private static boolean isLocked(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      return false; // of another class loader's copy of this class
    }
  }

  /**
   * Whether the file that is open still has its name: the writer before may have deleted it between
   * our opening and our locking, and another may have made a new one. A size by chance tells;
   * opening the file a second time would lose the lock.
   */
  private static boolean isAt(Path file, FileChannel channel) throws IOException {
    int mark = 1 + ThreadLocalRandom.current().nextInt(MAX_MARK);
    channel.truncate(0);
    channel.write(ByteBuffer.allocate(1), mark - 1);
    try {
      return Files.size(file) == mark;
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  /**
   * Lists what is left of writers that were killed: nobody else writes now.
   *
   * @param role of the companions of the target
   * @return paths that {@link TargetPlace#unique} has made
   * @throws IOException if the folder cannot be read
   */
  public List<Path> leftovers(String role) throws IOException {
    return place.companions(role);
  }

  /**
   * Deletes what is left of writers that were killed.
   *
   * @param role of the companions of the target
   * @throws IOException if something cannot be deleted
   */
  public void deleteLeftovers(String role) throws IOException {
    for (Path old : leftovers(role)) {
      try {
        TargetPlace.delete(old);
      } catch (FileSystemException e) {
        throw TargetPlace.refusal(
            old,
            "left by a run that was killed, and cannot be deleted ("
                + TargetPlace.reason(e)
                + "); delete it yourself",
            e);
      }
    }
  }

  /** Gives the lock back; its file goes. */
  @Override
  public void close() throws IOException {
    try {
      Files.deleteIfExists(file);
    } finally {
      channel.close();
      HELD.remove(file);
    }
  }
}
