package org.minillm.core.checkpoint;

import com.google.common.base.Joiner;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.MalformedFileException;

/** The file of a folder that says which others were written with it. */
final class Manifest {

  private static final String FACTS = "facts";
  private static final String FILES = "files";

  /** Of what a refusal names. */
  private static final int MAX_NAMED = 3;

  private static final String REMEDY =
      ", so it is not replaced; delete it yourself or name another target";

  private Manifest() {}

  static JsonObject of(SortedMap<String, OutputFile.Written> written, Map<String, String> facts) {
    JsonObject files = new JsonObject();
    written.forEach(
        (name, file) -> {
          JsonObject entry = new JsonObject();
          entry.addProperty("bytes", file.bytes());
          entry.addProperty("sha256", file.sha256());
          files.add(name, entry);
        });
    JsonObject manifest = new JsonObject();
    manifest.add(FACTS, JsonFiles.strings(new TreeMap<>(facts)));
    manifest.add(FILES, files);
    return manifest;
  }

  /**
   * Makes sure that whoever replaces a folder loses nothing but what was written with its manifest.
   * An empty folder has nothing to lose. What was written may have changed since: it is the name
   * that was asked to be replaced.
   */
  static void requireNothingElse(Path folder) throws IOException {
    TreeSet<String> others = new TreeSet<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
      entries.forEach(entry -> others.add(entry.getFileName().toString()));
    }
    if (others.isEmpty()) {
      return;
    }
    Path manifest = folder.resolve(CheckpointWriter.MANIFEST);
    if (!Files.isRegularFile(manifest, LinkOption.NOFOLLOW_LINKS)) {
      throw refusal(
          folder,
          "exists and was not written by MiniLLM (no " + CheckpointWriter.MANIFEST + ")" + REMEDY);
    }
    Set<String> listed = listed(folder, manifest);
    others.removeIf(
        name ->
            (listed.contains(name) || name.equals(CheckpointWriter.MANIFEST))
                && !Files.isDirectory(folder.resolve(name), LinkOption.NOFOLLOW_LINKS));
    if (!others.isEmpty()) {
      String named = Joiner.on(", ").join(others.stream().limit(MAX_NAMED).toList());
      int more = others.size() - MAX_NAMED;
      throw refusal(
          folder,
          String.format(
              "holds what MiniLLM did not write (%s), so it is not replaced; move that away, or name"
                  + " another target",
              more > 0 ? named + " and " + more + " more" : named));
    }
  }

  private static Set<String> listed(Path folder, Path manifest) throws IOException {
    try {
      return JsonNode.read(manifest, json -> json.get(FILES).keys());
    } catch (MalformedFileException e) {
      FileAlreadyExistsException refusal =
          refusal(folder, "exists, and its manifest is damaged (" + e.getMessage() + ")" + REMEDY);
      refusal.initCause(e);
      throw refusal;
    }
  }

  private static FileAlreadyExistsException refusal(Path folder, String why) {
    return new FileAlreadyExistsException(folder.toString(), null, why);
  }
}
