package org.minillm.core.tensor;

/**
 * While it is open, {@link HostMemory} treats the memory of the host as that of a device: what is
 * read is a copy, and only what was written through the gateway arrives. Of the whole process.
 */
public final class CopiedMemory implements AutoCloseable {

  /** Begins. */
  public CopiedMemory() {
    HostMemory.copiesAlways = true;
  }

  @Override
  public void close() {
    HostMemory.copiesAlways = false;
  }
}
