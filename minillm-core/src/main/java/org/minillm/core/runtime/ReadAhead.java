package org.minillm.core.runtime;

import static java.util.Objects.requireNonNull;

import com.google.common.base.Throwables;
import com.google.common.util.concurrent.Uninterruptibles;
import java.io.IOException;
import java.util.Collection;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * A thread that reads the tensors of one layer and ends. It copies and widens in Java: an operation
 * of the engine would start a second team of threads beside the one that computes.
 */
final class ReadAhead {

  /** Reads one tensor and keeps it. */
  interface Reader {
    void read(String tensor) throws IOException;
  }

  private final FutureTask<Void> reading;
  private final Thread thread;
  private volatile boolean stopped;

  private ReadAhead(Collection<String> tensors, Reader reader) {
    reading =
        new FutureTask<>(
            () -> {
              for (String tensor : tensors) {
                if (stopped) {
                  break;
                }
                reader.read(tensor);
              }
              return null;
            });
    thread = new Thread(reading, "minillm-read-ahead");
    // a walk that is left without being closed does not keep the process alive
    thread.setDaemon(true);
  }

  /** Begins to read. */
  static ReadAhead start(Collection<String> tensors, Reader reader) {
    ReadAhead ahead = new ReadAhead(tensors, reader);
    ahead.thread.start();
    return ahead;
  }

  /**
   * Waits until all is read.
   *
   * @throws IOException what stopped it
   */
  void await() throws IOException {
    // to interrupt a thread that reads would close the file: wait, and let the caller see it later
    Uninterruptibles.joinUninterruptibly(thread);
    try {
      Uninterruptibles.getUninterruptibly(reading);
    } catch (ExecutionException e) {
      Throwable cause = requireNonNull(e.getCause());
      Throwables.throwIfInstanceOf(cause, IOException.class);
      Throwables.throwIfUnchecked(cause);
      throw new IllegalStateException(cause);
    }
  }

  /** Waits for the tensor at work and leaves the others; what went wrong is of no interest. */
  void stop() {
    stopped = true;
    Uninterruptibles.joinUninterruptibly(thread);
  }
}
