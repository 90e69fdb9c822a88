package org.minillm.core.checkpoint;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.LongConsumer;

/** Fills a new folder and remembers what it wrote. */
final class OutputFolder {

  /** Writes one file. */
  interface Content {
    void writeTo(OutputFile out) throws IOException;
  }

  private final Path folder;
  private final SortedMap<String, OutputFile.Written> written = new TreeMap<>();

  OutputFolder(Path folder) {
    this.folder = folder;
  }

  void write(String name, LongConsumer progress, Content content) throws IOException {
    try (OutputFile out = new OutputFile(folder.resolve(name), progress)) {
      content.writeTo(out);
      written.put(name, out.finish());
    }
  }

  void write(String name, String text) throws IOException {
    write(name, text.getBytes(StandardCharsets.UTF_8));
  }

  void copy(Path file) throws IOException {
    write(file.getFileName().toString(), Files.readAllBytes(file));
  }

  private void write(String name, byte[] bytes) throws IOException {
    write(name, count -> {}, out -> out.write(ByteBuffer.wrap(bytes)));
  }

  /** Lists the files written so far. */
  JsonObject manifest(Map<String, String> facts) {
    JsonObject files = new JsonObject();
    written.forEach(
        (name, file) -> {
          JsonObject entry = new JsonObject();
          entry.addProperty("bytes", file.bytes());
          entry.addProperty("sha256", file.sha256());
          files.add(name, entry);
        });
    JsonObject manifest = new JsonObject();
    manifest.add("facts", JsonFiles.strings(new TreeMap<>(facts)));
    manifest.add("files", files);
    return manifest;
  }
}
