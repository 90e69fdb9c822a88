package org.minillm.core.checkpoint;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;

/** One open safetensors file whose header was checked. */
final class SafetensorsFile implements WeightFile {

  private final PositionedFile file;
  private final long dataStart;
  private final ImmutableList<SafetensorsHeader.Entry> entries;

  private SafetensorsFile(PositionedFile file) throws IOException {
    this.file = file;
    long headerBytes = headerBytes();
    this.dataStart = SafetensorsHeader.LENGTH_BYTES + headerBytes;
    ByteBuffer json = ByteBuffer.allocate(Math.toIntExact(headerBytes));
    file.read(json, SafetensorsHeader.LENGTH_BYTES);
    this.entries = SafetensorsHeader.parse(json.array(), file.size() - dataStart, file.path());
  }

  static SafetensorsFile open(Path path) throws IOException {
    PositionedFile file = PositionedFile.open(path);
    try {
      return new SafetensorsFile(file);
    } catch (IOException | RuntimeException e) {
      file.close();
      throw e;
    }
  }

  private long headerBytes() throws IOException {
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

  @Override
  public Path path() {
    return file.path();
  }

  @Override
  public long size() {
    return file.size();
  }

  /** In the order of their data. */
  @Override
  public ImmutableList<StoredTensor> tensors() {
    return entries.stream()
        .map(entry -> StoredTensor.at(entry.info(), file, dataStart + entry.begin()))
        .collect(ImmutableList.toImmutableList());
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
