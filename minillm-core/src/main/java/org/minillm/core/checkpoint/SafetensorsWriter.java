package org.minillm.core.checkpoint;

import static com.google.common.base.Preconditions.checkState;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.Lists;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import org.apiguardian.api.API;
import org.minillm.core.files.TargetFile;

/** Writes one safetensors file: the head first, then the tensors as they come. */
@API(status = API.Status.INTERNAL)
public final class SafetensorsWriter {

  private SafetensorsWriter() {}

  /**
   * Writes a file.
   *
   * @param file the target
   * @param tensors in the order in which they are to stand in the file
   * @throws IOException if the target is refused or cannot be written
   * @throws IllegalStateException if a content is longer or shorter than its tensor
   */
  public static void write(TargetFile file, List<TensorOutput> tensors) throws IOException {
    requireNonNull(file, "file");
    requireNonNull(tensors, "tensors");
    file.write(out -> writeTo(new OutputFile(out, count -> {}), tensors));
  }

  /** Adds up the size of a file: its head, and the tensors. */
  static long bytes(List<TensorOutput> tensors) {
    return head(tensors).length + tensors.stream().mapToLong(tensor -> tensor.info().bytes()).sum();
  }

  private static byte[] head(List<TensorOutput> tensors) {
    return SafetensorsHeader.render(Lists.transform(tensors, TensorOutput::info));
  }

  static void writeTo(OutputFile out, List<TensorOutput> tensors) throws IOException {
    out.write(ByteBuffer.wrap(head(tensors)));
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
