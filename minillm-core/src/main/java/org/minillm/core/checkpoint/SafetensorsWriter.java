package org.minillm.core.checkpoint;

import static com.google.common.base.Preconditions.checkState;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.Lists;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/** Writes one safetensors file: the head first, then the tensors as they come. */
public final class SafetensorsWriter {

  private SafetensorsWriter() {}

  /**
   * Writes a file beside its place and renames it, in place of what was there: it appears whole or
   * not at all.
   *
   * @param file the target
   * @param tensors in the order in which they are to stand in the file
   * @throws IOException if the file cannot be written
   * @throws IllegalStateException if a content is longer or shorter than its tensor
   */
  public static void write(Path file, List<TensorOutput> tensors) throws IOException {
    requireNonNull(file, "file");
    requireNonNull(tensors, "tensors");
    Path partial =
        file.resolveSibling("." + file.getFileName() + ".partial-" + ProcessHandle.current().pid());
    Files.deleteIfExists(partial);
    try {
      try (OutputFile out = new OutputFile(partial, count -> {})) {
        writeTo(out, tensors);
        out.finish();
      }
      Files.move(partial, file, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(partial);
    }
  }

  static void writeTo(OutputFile out, List<TensorOutput> tensors) throws IOException {
    out.write(
        ByteBuffer.wrap(SafetensorsHeader.render(Lists.transform(tensors, TensorOutput::info))));
    for (TensorOutput tensor : tensors) {
      long before = out.bytes();
      tensor.content().writeTo(out);
      long found = out.bytes() - before;
      checkState(
          found == tensor.info().bytes(),
          "%s: its content is %s bytes, expected %s (%s of %s)",
          tensor.info().name(),
          found,
          tensor.info().bytes(),
          tensor.info().shape(),
          tensor.info().type());
    }
  }
}
