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
import org.minillm.core.files.TargetChannel;

/** Fills a new folder and remembers what it wrote. */
final class OutputFolder {

  /** Writes one file. */
  interface Content {
    void writeTo(OutputFile out) throws IOException;
  }

  private final Path folder;
  private final Path target;
  private final SortedMap<String, OutputFile.Written> written = new TreeMap<>();

  /** The folder becomes the target, which messages name. */
  OutputFolder(Path folder, Path target) {
    this.folder = folder;
    this.target = target;
  }

  void write(String name, LongConsumer progress, Content content) throws IOException {
    try (TargetChannel file = TargetChannel.create(folder.resolve(name), target.resolve(name))) {
      OutputFile out = new OutputFile(file, progress);
      content.writeTo(out);
      file.force();
      written.put(name, out.written());
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
    return Manifest.of(written, facts);
  }
}
