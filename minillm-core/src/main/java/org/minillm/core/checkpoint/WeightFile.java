package org.minillm.core.checkpoint;

import com.google.common.collect.ImmutableList;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;

/**
 * An open file of weights in which every tensor has its place, whatever its format.
 *
 * @param file the tensors are read from it
 * @param tensors what it holds, in the order in which a checkpoint lists it
 */
record WeightFile(PositionedFile file, ImmutableList<StoredTensor> tensors) implements Closeable {

  /** Reads what a format says of the tensors. */
  interface Format {
    ImmutableList<StoredTensor> tensors(PositionedFile file) throws IOException;
  }

  static WeightFile open(Path path, Format format) throws IOException {
    PositionedFile file = PositionedFile.open(path);
    try {
      return new WeightFile(file, format.tensors(file));
    } catch (IOException | RuntimeException e) {
      file.close();
      throw e;
    }
  }

  Path path() {
    return file.path();
  }

  /** Bytes on the disk. */
  long size() {
    return file.size();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
