package org.minillm.core.checkpoint;

import static java.util.Objects.requireNonNull;

/**
 * One tensor to be written.
 *
 * @param info what the header will say
 * @param content exactly {@code info.bytes()} bytes
 */
public record TensorOutput(TensorInfo info, TensorContent content) {

  // Refuses nulls.
  public TensorOutput {
    requireNonNull(info, "info");
    requireNonNull(content, "content");
  }
}
