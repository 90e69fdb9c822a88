package org.minillm.core.journal;

import com.google.common.collect.ImmutableSortedMap;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;

/**
 * The files of a journal: whose it is, the states of passes, and what passes keep beside them. Says
 * which files are a journal's; a folder with any other is left alone.
 */
final class JournalFiles {

  private static final String STATE = ".state";
  private static final String KEPT = ".kept";

  private final Path folder;

  JournalFiles(Path folder) {
    this.folder = folder;
  }

  Path folder() {
    return folder;
  }

  boolean exist() {
    return Files.exists(folder, LinkOption.NOFOLLOW_LINKS);
  }

  Path state(String pass) {
    return folder.resolve(pass + STATE);
  }

  Path kept(String name) {
    return folder.resolve(name + KEPT);
  }

  boolean hasStates() {
    try (DirectoryStream<Path> states = Files.newDirectoryStream(folder, "*" + STATE)) {
      return states.iterator().hasNext();
    } catch (IOException e) {
      return false;
    }
  }

  /** Makes the folder with the name of its run in it, at once, where it is not there yet. */
  void create(Map<String, String> run) throws IOException {
    if (exist()) {
      return;
    }
    Path beside =
        folder.resolveSibling(
            partPrefix() + Integer.toHexString(ThreadLocalRandom.current().nextInt()));
    Files.createDirectory(beside);
    try {
      RunFile.write(beside, run);
      Files.move(beside, folder, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      deletePart(beside);
      throw e;
    }
  }

  private String partPrefix() {
    return "." + folder.getFileName() + ".part-";
  }

  /** Deletes what runs left that were killed while they made the folder. */
  void sweep() throws IOException {
    String prefix = partPrefix();
    try (DirectoryStream<Path> parts =
        Files.newDirectoryStream(
            folder.toAbsolutePath().getParent(),
            file -> file.getFileName().toString().startsWith(prefix))) {
      for (Path part : parts) {
        deletePart(part);
      }
    }
  }

  private static void deletePart(Path part) {
    try {
      Files.deleteIfExists(part.resolve(RunFile.NAME));
      Files.deleteIfExists(part);
    } catch (IOException e) {
      // it is empty and hidden, or something of another's: it stays
    }
  }

  /**
   * Reads whose journal it is.
   *
   * @return all that its results depend on; empty where that is damaged
   * @throws IOException if the folder is no journal, or has something else in it
   */
  Optional<ImmutableSortedMap<String, String>> run() throws IOException {
    besideRun();
    return RunFile.read(folder);
  }

  /** Lists all files but {@link RunFile}; refuses a folder that is no journal. */
  private List<Path> besideRun() throws IOException {
    if (!Files.isRegularFile(folder.resolve(RunFile.NAME), LinkOption.NOFOLLOW_LINKS)) {
      throw refusal("exists and is no journal of a run (no " + RunFile.NAME + ")");
    }
    List<Path> all = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        if (!isOurs(file)) {
          throw refusal("has " + file.getFileName() + " in it, which is none of a journal's files");
        }
        all.add(file);
      }
    }
    all.remove(folder.resolve(RunFile.NAME));
    if (all.isEmpty() && RunFile.read(folder).isEmpty()) {
      // nothing says that the file is ours
      throw refusal("exists and is no journal of a run (another " + RunFile.NAME + ")");
    }
    return all;
  }

  private static boolean isOurs(Path file) {
    String name = file.getFileName().toString();
    return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
        && (name.equals(RunFile.NAME)
            || name.endsWith(STATE)
            || name.endsWith(StateFile.part(Path.of(STATE)).toString())
            || name.endsWith(KEPT));
  }

  private FileSystemException refusal(String reason) {
    return new FileSystemException(folder.toString(), null, reason + "; move it away");
  }

  /**
   * Deletes the folder.
   *
   * @throws IOException if it is no journal, has something else in it, or cannot be deleted
   */
  void delete() throws IOException {
    for (Path file : besideRun()) {
      Files.delete(file);
    }
    // last: a journal that is half deleted is still one
    Files.delete(folder.resolve(RunFile.NAME));
    Files.delete(folder);
  }
}
