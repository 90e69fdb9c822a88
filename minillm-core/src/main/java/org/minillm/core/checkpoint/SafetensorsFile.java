package org.minillm.core.checkpoint;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;

/** Reads the header of a safetensors file and checks it. */
final class SafetensorsFile {

  private SafetensorsFile() {}

  static WeightFile open(Path path) throws IOException {
    return WeightFile.open(path, SafetensorsFile::tensors);
  }

  /** In the order of their data. */
  private static ImmutableList<StoredTensor> tensors(PositionedFile file) throws IOException {
    long headerBytes = headerBytes(file);
    long dataStart = SafetensorsHeader.LENGTH_BYTES + headerBytes;
    ByteBuffer json = ByteBuffer.allocate(Math.toIntExact(headerBytes));
    file.read(json, SafetensorsHeader.LENGTH_BYTES);
    return SafetensorsHeader.parse(json.array(), file.size() - dataStart, file.path()).stream()
        .map(entry -> StoredTensor.at(entry.info(), file, dataStart + entry.begin()))
        .collect(ImmutableList.toImmutableList());
  }

  private static long headerBytes(PositionedFile file) throws IOException {
    long size = file.size();
    Path path = file.path();
    if (size < SafetensorsHeader.LENGTH_BYTES) {
      throw new MalformedCheckpointException(
          String.format(
              "%s: %d bytes, too short for a safetensors file; it is truncated, or a Git LFS"
                  + " pointer: download it again",
              path, size));
    }
    ByteBuffer length =
        ByteBuffer.allocate(SafetensorsHeader.LENGTH_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    file.read(length, 0);
    long bytes = length.getLong(0);
    long available = size - SafetensorsHeader.LENGTH_BYTES;
    if (bytes <= 0 || bytes > SafetensorsHeader.MAX_BYTES || bytes > available) {
      throw new MalformedCheckpointException(
          String.format(
              "%s: a header of %s bytes, expected 1 to %d (%s); not a safetensors file, or"
                  + " truncated: download it again",
              path,
              Long.toUnsignedString(bytes),
              Math.min(available, SafetensorsHeader.MAX_BYTES),
              available < SafetensorsHeader.MAX_BYTES ? "the file's end" : "the format's limit"));
    }
    return bytes;
  }
}
