package org.minillm.models;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.minillm.core.tensor.Compute;

/** Reference outputs of Hugging Face transformers, read by DJL's reader and not by ours. */
final class Goldens implements AutoCloseable {

  private final NDManager manager = Compute.cpu().newManager();
  private final NDList arrays;

  private Goldens(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      arrays = NDList.decode(manager, in);
    }
  }

  static Goldens of(String name) throws IOException {
    return in(Path.of("src/test/resources/goldens", name + ".safetensors"));
  }

  static Goldens in(Path file) throws IOException {
    return new Goldens(file);
  }

  float[] floats(String name) {
    return array(name).toFloatArray();
  }

  NDArray array(String name) {
    NDArray found = arrays.get(name);
    if (found == null) {
      throw new IllegalArgumentException("no golden " + name);
    }
    return found;
  }

  /** Token ids (rows, time). */
  List<int[]> ids(String name) {
    NDArray ids = array(name);
    int time = Math.toIntExact(ids.getShape().get(1));
    long[] flat = ids.toLongArray();
    return java.util.stream.IntStream.range(0, flat.length / time)
        .mapToObj(
            row ->
                Arrays.stream(flat, row * time, (row + 1) * time)
                    .mapToInt(Math::toIntExact)
                    .toArray())
        .toList();
  }

  @Override
  public void close() {
    manager.close();
  }
}
