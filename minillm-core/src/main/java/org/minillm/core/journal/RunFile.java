package org.minillm.core.journal;

import com.google.common.collect.ImmutableSortedMap;
import com.google.common.hash.Hashing;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.MalformedFileException;
import org.minillm.core.files.TextFile;

/** All that the results of a run depend on, in a file with a checksum. */
final class RunFile {

  /** The file's name in a journal. */
  static final String NAME = "run.json";

  private static final String FORM = "{\"journal\":2,\"crc32c\":\"%s\",\"run\":%s}";
  private static final Pattern WHOLE =
      Pattern.compile(
          "\\{\"journal\":2,\"crc32c\":\"([0-9a-f]{8})\",\"run\":(\\{.*})}", Pattern.DOTALL);

  private RunFile() {}

  static void write(Path folder, Map<String, String> run) throws IOException {
    JsonObject json = new JsonObject();
    run.forEach(json::addProperty);
    String text = json.toString();
    Files.writeString(folder.resolve(NAME), FORM.formatted(checksum(text), text));
  }

  /** Reads the facts; empty where the file is not to the bit as it was written. */
  static Optional<ImmutableSortedMap<String, String>> read(Path folder) throws IOException {
    try {
      Matcher whole = WHOLE.matcher(TextFile.read(folder.resolve(NAME)));
      if (!whole.matches() || !checksum(whole.group(2)).equals(whole.group(1))) {
        return Optional.empty();
      }
      JsonNode json = JsonNode.parse(whole.group(2));
      return Optional.of(
          json.keys().stream()
              .collect(
                  ImmutableSortedMap.toImmutableSortedMap(
                      String::compareTo, name -> name, name -> json.get(name).text())));
    } catch (MalformedFileException | IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  private static String checksum(String text) {
    return Hashing.crc32c().hashString(text, StandardCharsets.UTF_8).toString();
  }
}
