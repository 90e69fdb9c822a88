package org.minillm.core.files;

import java.nio.channels.ClosedByInterruptException;

/**
 * How a run is cancelled: by an interrupt of its thread. Long work asks here between its steps, and
 * ends with the exception that reading and writing a channel end with.
 */
public final class Interrupts {

  private Interrupts() {}

  /**
   * Goes on unless somebody interrupted this thread. The thread stays interrupted.
   *
   * @throws ClosedByInterruptException if somebody did
   */
  public static void requireNone() throws ClosedByInterruptException {
    if (Thread.currentThread().isInterrupted()) {
      throw new ClosedByInterruptException();
    }
  }
}
