package org.minillm.core.checkpoint;

import com.google.common.primitives.Longs;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A folder that appears whole or not at all: it is filled beside its final place and then renamed.
 * A folder that it replaces is moved aside first and deleted last.
 */
final class TargetFolder {

  private static final Logger LOG = LoggerFactory.getLogger(TargetFolder.class);

  private static final String PARTIAL = "partial";
  private static final String REPLACED = "replaced";

  // A process number alone does not tell a running writer of this process from a dead one whose
  // number came round again, as it does in containers.
  private static final Set<Path> IN_USE = ConcurrentHashMap.newKeySet();

  private final Path target;
  private final boolean overwrite;
  private final Path partial;
  private final Path replaced;

  private TargetFolder(Path target, boolean overwrite) {
    this.target = target;
    this.overwrite = overwrite;
    this.partial = sibling(target, PARTIAL);
    this.replaced = sibling(target, REPLACED);
  }

  private static Path sibling(Path target, String role) {
    return target.resolveSibling(prefix(target, role) + ProcessHandle.current().pid());
  }

  private static String prefix(Path target, String role) {
    return "." + target.getFileName() + "." + role + "-";
  }

  /** Checks that the target may be written; changes nothing. */
  static void check(Path target, boolean overwrite, @Nullable Path source) throws IOException {
    Path place = place(target);
    if (Files.isSymbolicLink(place)) {
      throw new FileSystemException(
          place.toString(), null, "a symbolic link; name the folder that it leads to");
    }
    if (source != null) {
      checkApart(place, source);
    }
    if (!Files.exists(place)) {
      return;
    }
    if (!Files.isDirectory(place)) {
      throw new FileAlreadyExistsException(
          place.toString(), null, "exists and is not a folder; name another target");
    }
    if (!overwrite) {
      throw new FileAlreadyExistsException(
          place.toString(), null, "exists; --force (overwrite) replaces it");
    }
    if (!isEmpty(place) && !Files.exists(place.resolve(Checkpoint.CONFIG))) {
      throw new FileAlreadyExistsException(
          place.toString(),
          null,
          "exists and is no model folder (no config.json), so it is not replaced; delete it"
              + " yourself or name another target");
    }
  }

  /** The target with its parent's links resolved. */
  private static Path place(Path target) throws IOException {
    Path absolute = target.toAbsolutePath().normalize();
    Path parent = absolute.getParent();
    Path name = absolute.getFileName();
    if (parent == null || name == null) {
      throw new FileSystemException(absolute.toString(), null, "not a folder's name");
    }
    if (!Files.isDirectory(parent)) {
      throw new NoSuchFileException(
          parent.toString(), null, "no such folder, needed to write " + name + "; create it");
    }
    if (!Files.isWritable(parent)) {
      throw new FileSystemException(
          parent.toString(), null, "not writable, needed to write " + name);
    }
    return parent.toRealPath().resolve(name);
  }

  private static void checkApart(Path place, Path source) throws IOException {
    Path from = source.toRealPath();
    Path to = Files.exists(place) ? place.toRealPath() : place;
    if (to.startsWith(from) || from.startsWith(to)) {
      throw new FileSystemException(
          place.toString(),
          null,
          "is, or lies within, or contains the source " + from + "; name a folder apart from it");
    }
  }

  private static boolean isEmpty(Path folder) throws IOException {
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
      return !entries.iterator().hasNext();
    }
  }

  /**
   * Tidies up after dead processes, checks the target and creates the folder to fill. To be
   * followed by {@link #commit} or {@link #discard}.
   */
  static TargetFolder begin(Path target, boolean overwrite, @Nullable Path source)
      throws IOException {
    Path place = place(target);
    recover(place);
    check(target, overwrite, source);
    TargetFolder folder = new TargetFolder(place, overwrite);
    if (!IN_USE.add(folder.partial)) {
      throw new FileAlreadyExistsException(
          place.toString(), null, "is being written by another thread");
    }
    try {
      Files.createDirectory(folder.partial);
    } catch (IOException e) {
      IN_USE.remove(folder.partial);
      throw e;
    }
    return folder;
  }

  private static void recover(Path target) throws IOException {
    for (Path old : leftovers(target, REPLACED)) {
      // A process died between moving the old folder away and the new one in: put it back.
      if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
        delete(old);
      } else {
        Files.move(old, target, StandardCopyOption.ATOMIC_MOVE);
      }
    }
    for (Path old : leftovers(target, PARTIAL)) {
      delete(old);
    }
  }

  private static List<Path> leftovers(Path target, String role) throws IOException {
    String prefix = prefix(target, role);
    List<Path> leftovers = new ArrayList<>();
    try (Stream<Path> siblings = Files.list(target.resolveSibling("."))) {
      for (Path sibling : (Iterable<Path>) siblings.map(Path::normalize)::iterator) {
        String name = sibling.getFileName().toString();
        Long pid = name.startsWith(prefix) ? Longs.tryParse(name.substring(prefix.length())) : null;
        if (pid != null && isDead(pid, target)) {
          leftovers.add(sibling);
        }
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    return leftovers;
  }

  private static boolean isDead(long pid, Path target) {
    if (pid == ProcessHandle.current().pid()) {
      return !IN_USE.contains(sibling(target, PARTIAL));
    }
    return ProcessHandle.of(pid).filter(ProcessHandle::isAlive).isEmpty();
  }

  /** Where files go until the commit. */
  Path partial() {
    return partial;
  }

  /** Puts the folder in its place. If that fails, what stood there before stands there again. */
  void commit() throws IOException {
    sync(partial);
    boolean replaces = Files.exists(target, LinkOption.NOFOLLOW_LINKS);
    if (replaces && !overwrite) {
      throw new FileAlreadyExistsException(
          target.toString(), null, "appeared while its replacement was written; not replaced");
    }
    if (replaces) {
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
    sync(target.resolveSibling("."));
    IN_USE.remove(partial);
    if (replaces) {
      try {
        delete(replaced);
      } catch (IOException e) {
        // The new folder stands; the next writer to this target tries again.
        LOG.warn("{}: the replaced folder could not be deleted", replaced, e);
      }
    }
  }

  /** Removes what was written so far. */
  void discard() throws IOException {
    try {
      delete(partial);
    } finally {
      IN_USE.remove(partial);
    }
  }

  private static void sync(Path folder) {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      // Windows cannot open a folder; there the rename itself is durable.
    }
  }

  private static void delete(Path path) throws IOException {
    if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      try (DirectoryStream<Path> entries = Files.newDirectoryStream(path)) {
        for (Path entry : entries) {
          delete(entry);
        }
      }
    }
    Files.deleteIfExists(path);
  }
}
