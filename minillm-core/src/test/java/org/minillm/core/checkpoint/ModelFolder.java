package org.minillm.core.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Model folders made byte by byte, independently of the code that writes them. */
final class ModelFolder {

  final Path path;

  private ModelFolder(Path path) {
    this.path = path;
  }

  static ModelFolder in(Path parent) {
    return new ModelFolder(parent.resolve("model")).text("config.json", "{}");
  }

  ModelFolder text(String name, String text) {
    return bytes(name, text.getBytes(StandardCharsets.UTF_8));
  }

  ModelFolder bytes(String name, byte[] bytes) {
    try {
      Files.createDirectories(path);
      Files.write(path.resolve(name), bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return this;
  }

  ModelFolder weights(String header, byte... data) {
    return bytes("model.safetensors", safetensors(header, data));
  }

  static byte[] safetensors(String header, byte... data) {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(8 + json.length + data.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(json.length)
        .put(json)
        .put(data)
        .array();
  }

  /** Little-endian. */
  static byte[] floats(float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      bytes.putFloat(value);
    }
    return bytes.array();
  }

  /** 0, 1, 2, … modulo 256. */
  static byte[] counting(int length) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) i;
    }
    return bytes;
  }

  /** Makes a folder that looks like one that was written by us, with a file in it. */
  static Path written(Path folder, String file) throws IOException {
    Files.createDirectory(folder);
    Files.createFile(folder.resolve("config.json"));
    Files.createFile(folder.resolve(file));
    Files.writeString(
        folder.resolve(CheckpointWriter.MANIFEST),
        "{\"facts\": {}, \"files\": {\"config.json\": {}, \"%s\": {}}}".formatted(file));
    return folder;
  }
}
