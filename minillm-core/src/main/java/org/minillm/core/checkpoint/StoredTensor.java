package org.minillm.core.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * A tensor and where its bytes are.
 *
 * @param info what it is
 * @param file which file
 * @param position of the first byte in the file
 */
record StoredTensor(TensorInfo info, SafetensorsFile file, long position) {

  /** Fills what remains of the buffer with the tensor's bytes from {@code offset} on. */
  void read(ByteBuffer into, long offset) throws IOException {
    file.read(into, position + offset);
  }
}
