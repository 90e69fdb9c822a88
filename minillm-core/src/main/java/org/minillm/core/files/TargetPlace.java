package org.minillm.core.files;

import static java.util.Objects.requireNonNull;

import com.google.common.base.Strings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributeView;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Where a file or a folder is to appear: a name in a folder that is there. Knows the names that
 * stand beside it while it is written, which nobody else has.
 */
public final class TargetPlace {

  /** Of what is being written. */
  public static final String PARTIAL = "partial";

  /** What most file systems allow a name, in bytes. */
  private static final int MAX_NAME = 255;

  private static final SecureRandom RANDOM = new SecureRandom();
  private static final Pattern UNIQUE = Pattern.compile("[0-9a-f]{16}");

  private final Path path;

  private TargetPlace(Path path) {
    this.path = path;
  }

  /**
   * Finds the place of a target.
   *
   * @param target as the user named it
   * @return its place
   * @throws IOException if its folder is not there or cannot be written to, or its name is too long
   */
  public static TargetPlace of(Path target) throws IOException {
    requireNonNull(target, "target");
    Path absolute = target.toAbsolutePath();
    Path name = absolute.getFileName();
    if (name != null && (name.toString().equals(".") || name.toString().equals(".."))) {
      absolute = absolute.toRealPath();
      name = absolute.getFileName();
    }
    Path parent = absolute.getParent();
    if (parent == null || name == null) {
      throw refusal(absolute, "not a folder's name, and not a file's");
    }
    requireFolder(parent, name);
    TargetPlace place = new TargetPlace(parent.toRealPath().resolve(name));
    int length = bytes(place.unique(PARTIAL).getFileName());
    if (length > MAX_NAME) {
      int most = MAX_NAME - (length - bytes(name));
      throw refusal(
          absolute,
          String.format(
              "its name has %d bytes, expected at most %d, as it has a longer one while it is"
                  + " written; name it shorter",
              bytes(name), most));
    }
    return place;
  }

  private static int bytes(Path name) {
    return name.toString().getBytes(StandardCharsets.UTF_8).length;
  }

  private static void requireFolder(Path folder, Path name) throws IOException {
    Path there = folder;
    while (!Files.exists(there) && there.getParent() != null) {
      there = there.getParent();
    }
    if (!Files.isDirectory(there)) {
      throw refusal(there, "a file, expected a folder, needed to write " + name);
    }
    if (!there.equals(folder)) {
      String why = Files.notExists(folder) ? "no such folder" : "not readable by this user";
      throw refusal(folder, why + ", needed to write " + name + "; create it or name another");
    }
    if (!Files.isWritable(folder)) {
      String why =
          Files.getFileStore(folder).isReadOnly()
              ? "on a read-only file system"
              : "not writable by this user";
      throw refusal(folder, why + ", needed to write " + name + "; name a target elsewhere");
    }
  }

  /**
   * Returns the path.
   *
   * @return the name in the real path of its folder; a link of that name is not followed
   */
  public Path path() {
    return path;
  }

  /**
   * Makes the name of a companion that nobody else has.
   *
   * @param role what it is for, such as {@link #PARTIAL}
   * @return a path beside this one, another each time
   */
  public Path unique(String role) {
    byte[] random = new byte[Long.BYTES];
    RANDOM.nextBytes(random);
    return path.resolveSibling(prefix(role) + HexFormat.of().formatHex(random));
  }

  private String prefix(String role) {
    return "." + path.getFileName() + "." + role + "-";
  }

  /** Lists the companions that stand there; they have names that {@link #unique} makes. */
  List<Path> companions(String role) throws IOException {
    String prefix = prefix(role);
    List<Path> companions = new ArrayList<>();
    try (Stream<Path> siblings = Files.list(path.resolveSibling("."))) {
      for (Path sibling : (Iterable<Path>) siblings::iterator) {
        String name = sibling.getFileName().toString();
        if (name.startsWith(prefix) && UNIQUE.matcher(name.substring(prefix.length())).matches()) {
          companions.add(path.resolveSibling(name));
        }
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    return companions;
  }

  /**
   * Deletes a file, or a folder and all in it; links are not followed.
   *
   * @param path what to delete; need not exist
   * @throws IOException if it cannot be deleted
   */
  public static void delete(Path path) throws IOException {
    requireNonNull(path, "path");
    if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      try (DirectoryStream<Path> entries = Files.newDirectoryStream(path)) {
        for (Path entry : entries) {
          delete(entry);
        }
      }
    }
    Files.deleteIfExists(path);
  }

  /**
   * Makes sure that files of the longest name can be made here, by making one and deleting it: no
   * other question to the system has a sure answer.
   */
  void tryOut() throws IOException {
    Path trial = unique(PARTIAL);
    try {
      FileChannel.open(trial, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW).close();
    } catch (FileSystemException e) {
      throw cannotCreate(e);
    }
    Files.delete(trial);
  }

  /**
   * Makes a folder that nobody else has.
   *
   * @param role what it is for
   * @return a folder beside this path
   * @throws IOException if it cannot be made
   */
  public Path makeFolder(String role) throws IOException {
    try {
      return Files.createDirectory(unique(role));
    } catch (FileSystemException e) {
      throw cannotCreate(e);
    }
  }

  FileSystemException cannotCreate(IOException cause) {
    return refusal(
        requireNonNull(path.getParent()),
        String.format(
            "no file can be made here (%s), needed to write %s; name a target elsewhere",
            reason(cause), path.getFileName()),
        cause);
  }

  /**
   * Refuses a target that lies among what is read: is it, is within it, or contains it.
   *
   * @param sources files and folders; a folder's files count wherever its links lead to
   * @throws IOException if the target is not apart from one of them
   */
  public void requireApart(Iterable<Path> sources) throws IOException {
    Path to = real(path);
    for (Path source : sources) {
      Path from = real(source);
      if (to.startsWith(from) || from.startsWith(to) || isFileOf(from)) {
        throw refusal(
            path,
            "is, or lies within, or contains the source " + from + "; name a target apart from it");
      }
    }
  }

  private static Path real(Path path) throws IOException {
    try {
      return path.toRealPath();
    } catch (NoSuchFileException e) {
      Path absolute = path.toAbsolutePath().normalize();
      Path parent = absolute.getParent();
      return parent == null || !Files.isDirectory(parent)
          ? absolute
          : parent.toRealPath().resolve(absolute.getFileName());
    }
  }

  /**
   * Whether the path is a hard link to a file of the source, or a link of the source leads here.
   */
  private boolean isFileOf(Path source) throws IOException {
    if (!Files.isRegularFile(path)) {
      return false;
    }
    if (!Files.isDirectory(source)) {
      return Files.exists(source) && Files.isSameFile(source, path);
    }
    try (DirectoryStream<Path> files = Files.newDirectoryStream(source, Files::isRegularFile)) {
      for (Path file : files) {
        if (Files.isSameFile(file, path)) {
          return true;
        }
      }
    }
    return false;
  }

  /**
   * Gives what will stand here the permissions of what stands here now, if anything does and the
   * system knows permissions.
   *
   * @param successor what is going to take this place
   * @throws IOException if they cannot be read or given
   */
  public void bequeathPermissions(Path successor) throws IOException {
    PosixFileAttributeView old = Files.getFileAttributeView(path, PosixFileAttributeView.class);
    if (old != null && Files.exists(path)) {
      Files.setPosixFilePermissions(successor, old.readAttributes().permissions());
    }
  }

  /** Waits until the names in the folder are on the disk. */
  public void sync() {
    sync(path.resolveSibling("."));
  }

  /**
   * Waits until the names in a folder are on the disk.
   *
   * @param folder the folder
   */
  public static void sync(Path folder) {
    requireNonNull(folder, "folder");
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      // Windows cannot open a folder; there the rename itself is durable.
    }
  }

  static FileSystemException refusal(Path path, String why) {
    return new FileSystemException(path.toString(), null, why);
  }

  static FileSystemException refusal(Path path, String why, Throwable cause) {
    FileSystemException refusal = refusal(path, why);
    refusal.initCause(cause);
    return refusal;
  }

  /** What the system says of a failure, without the path. */
  static String reason(IOException problem) {
    if (problem instanceof AccessDeniedException) {
      return "permission denied";
    }
    if (problem instanceof NoSuchFileException) {
      return "no such file or folder";
    }
    String said =
        problem instanceof FileSystemException file ? file.getReason() : problem.getMessage();
    return Strings.isNullOrEmpty(said) ? problem.getClass().getSimpleName() : said;
  }
}
