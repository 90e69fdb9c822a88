package org.minillm.core.checkpoint;

import java.io.IOException;
import java.nio.channels.WritableByteChannel;

/** The bytes of one tensor, produced when they are written and never all held in memory. */
@FunctionalInterface
public interface TensorContent {

  /**
   * Writes the tensor: its elements in row-major order, little-endian, whole ones at a time. Called
   * once for every writing.
   *
   * @param out takes all bytes it is given; not to be closed
   * @throws IOException if the source cannot be read or the target not written
   */
  void writeTo(WritableByteChannel out) throws IOException;
}
