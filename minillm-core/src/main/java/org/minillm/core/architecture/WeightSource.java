package org.minillm.core.architecture;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.io.IOException;

/**
 * Hands out weights by name, widened to float32: from the file, from memory, or changed on the way
 * (perturbed, masked). Whatever the source, the arrays are read and never written.
 */
@FunctionalInterface
public interface WeightSource {

  /**
   * Returns one tensor.
   *
   * @param tensor its name in the checkpoint
   * @param owner where a newly made array hangs; a source that keeps the tensor in memory may
   *     return its own array instead, so a caller never closes the result and lets the owner do it
   * @return FLOAT32, of the tensor's shape; never to be written to
   * @throws IOException if the file cannot be read
   */
  NDArray read(String tensor, NDManager owner) throws IOException;
}
