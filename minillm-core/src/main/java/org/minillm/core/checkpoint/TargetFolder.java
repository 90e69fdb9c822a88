package org.minillm.core.checkpoint;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.minillm.core.files.TargetExistsException;
import org.minillm.core.files.TargetLock;
import org.minillm.core.files.TargetPlace;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A folder that appears whole or not at all: it is filled beside its final place and then renamed.
 * A folder that it replaces is moved aside first and deleted last. One writer at a time has the
 * place.
 */
final class TargetFolder implements Closeable {

  private static final Logger LOG = LoggerFactory.getLogger(TargetFolder.class);

  /** The role of a folder that was moved aside. */
  private static final String REPLACED = "replaced";

  private final TargetPlace place;
  private final boolean overwrite;
  private final TargetLock lock;
  private final Path partial;

  private TargetFolder(TargetPlace place, boolean overwrite, TargetLock lock, Path partial) {
    this.place = place;
    this.overwrite = overwrite;
    this.lock = lock;
    this.partial = partial;
  }

  /**
   * Checks the target, tidies up after killed processes and creates the folder to fill. To be
   * closed, after {@link #commit} where it is to stay.
   */
  static TargetFolder begin(Path target, boolean overwrite, @Nullable Path source)
      throws IOException {
    TargetPlace place = TargetPlace.of(target);
    if (Files.isSymbolicLink(place.path())) {
      throw new FileSystemException(
          place.path().toString(), null, "a symbolic link; name the folder that it leads to");
    }
    if (source != null) {
      place.requireApart(List.of(source));
    }
    TargetLock lock = TargetLock.acquire(place, Duration.ZERO);
    try {
      recover(place, lock);
      requireFree(place.path(), overwrite);
      return new TargetFolder(place, overwrite, lock, place.makeFolder(TargetPlace.PARTIAL));
    } catch (Throwable e) {
      try (lock) {
        throw e;
      }
    }
  }

  private static void recover(TargetPlace place, TargetLock lock) throws IOException {
    for (Path old : lock.leftovers(REPLACED)) {
      // A process died between moving the old folder away and the new one in: put it back.
      if (!Files.exists(place.path(), LinkOption.NOFOLLOW_LINKS)) {
        Files.move(old, place.path(), StandardCopyOption.ATOMIC_MOVE);
      }
    }
    lock.deleteLeftovers(REPLACED);
    lock.deleteLeftovers(TargetPlace.PARTIAL);
  }

  private static void requireFree(Path path, boolean overwrite) throws IOException {
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (!Files.isDirectory(path)) {
      throw new FileAlreadyExistsException(
          path.toString(), null, "exists and is not a folder; name another target");
    }
    Manifest.requireNothingElse(path);
    if (!overwrite) {
      throw new TargetExistsException(path);
    }
    if (!Files.isWritable(path)) {
      throw new FileSystemException(
          path.toString(),
          null,
          "is write-protected for this user; allow writing, or name another target");
    }
  }

  /** Where files go until the commit. */
  Path partial() {
    return partial;
  }

  /** Puts the folder in its place. If that fails, what stood there before stands there again. */
  void commit() throws IOException {
    TargetPlace.sync(partial);
    Path target = place.path();
    boolean replaces = Files.exists(target, LinkOption.NOFOLLOW_LINKS);
    if (replaces && !overwrite) {
      throw new FileAlreadyExistsException(
          target.toString(), null, "appeared while its replacement was written; not replaced");
    }
    requireFree(target, overwrite); // others may have put something into it meanwhile
    Path replaced = place.unique(REPLACED);
    if (replaces) {
      place.bequeathPermissions(partial);
      Files.move(target, replaced, StandardCopyOption.ATOMIC_MOVE);
    }
    try {
      Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      if (replaces) {
        Files.move(replaced, target, StandardCopyOption.ATOMIC_MOVE);
      }
      throw e;
    }
    place.sync();
    try {
      TargetPlace.delete(replaced);
    } catch (IOException e) {
      // The new folder stands; the next writer to this target tries again.
      LOG.warn("{}: the replaced folder could not be deleted", replaced, e);
    }
  }

  /** Removes what was written, unless it was committed, and lets others have the place. */
  @Override
  public void close() throws IOException {
    try (lock) {
      TargetPlace.delete(partial);
    }
  }
}
