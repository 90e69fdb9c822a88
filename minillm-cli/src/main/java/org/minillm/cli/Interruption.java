package org.minillm.cli;

import java.io.PrintWriter;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Supplier;

/**
 * Says how a run goes on that is interrupted: by a signal, which ends the process, or by an
 * interrupt of its thread.
 */
final class Interruption {

  private Interruption() {}

  /**
   * Works.
   *
   * @param err where the line goes
   * @param remedy what the user can do, asked when it happens; empty where nothing was saved
   * @param work throws what it wants
   */
  static <T> T during(PrintWriter err, Supplier<Optional<String>> remedy, Callable<T> work)
      throws Exception {
    Thread hook = new Thread(() -> say(err, remedy));
    Runtime.getRuntime().addShutdownHook(hook);
    try {
      return work.call();
    } catch (Exception e) {
      if (ErrorReport.isInterrupt(e)) {
        say(err, remedy);
      }
      throw e;
    } finally {
      forget(hook);
    }
  }

  private static void say(PrintWriter err, Supplier<Optional<String>> remedy) {
    Optional<String> words = remedy.get();
    if (words.isPresent()) {
      if (CliProgress.isTerminal()) {
        err.println(); // a bar may stand there
      }
      err.println("minillm: interrupted; " + words.get());
      err.flush();
    }
  }

  private static void forget(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // the process ends, and the hook is at work
    }
  }
}
