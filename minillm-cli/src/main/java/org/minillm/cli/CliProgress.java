package org.minillm.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.function.LongSupplier;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;
import org.minillm.core.runtime.PassListener;

/**
 * Shows the progress of passes on stderr: a bar on a terminal, else a line at the start and the end
 * of a pass and now and then between. Close it when the work ends, however it ends.
 */
final class CliProgress implements PassListener, AutoCloseable {

  /** Often enough to see that it lives, rare enough to keep a log short. */
  private static final long NANOS_BETWEEN_LINES = Duration.ofSeconds(10).toNanos();

  private final PrintWriter err;
  private final boolean terminal;
  private final LongSupplier nanoTime;

  private @Nullable ProgressBar bar;
  private String pass = "";
  private long steps;
  private long done;
  private long started;
  private long lastLine;
  private boolean resumed;

  CliProgress(PrintWriter err, boolean terminal, LongSupplier nanoTime) {
    this.err = err;
    this.terminal = terminal;
    this.nanoTime = nanoTime;
  }

  /**
   * Chooses the form that suits stderr.
   *
   * @param err where lines go
   * @return the progress, to be closed
   */
  static CliProgress on(PrintWriter err) {
    return new CliProgress(err, isTerminal(), System::nanoTime);
  }

  /** Java 17 knows of stdin and stdout only; the launcher asks the shell about stderr. */
  static boolean isTerminal() {
    String known = System.getProperty("minillm.terminal");
    return known == null ? System.console() != null : Boolean.parseBoolean(known);
  }

  @Override
  public synchronized void resumed(Path journal) {
    if (!resumed) { // planning and cutting both tell
      resumed = true;
      line("going on where a run stopped that was interrupted: %s", journal);
    }
  }

  @Override
  public synchronized void passStarted(String pass, long steps) {
    close();
    this.pass = pass;
    this.steps = steps;
    done = 0;
    started = nanoTime.getAsLong();
    lastLine = started;
    if (terminal) {
      bar =
          new ProgressBarBuilder()
              .setTaskName(pass)
              .setInitialMax(steps)
              .setStyle(ProgressBarStyle.ASCII)
              .setUpdateIntervalMillis(200)
              .setConsumer(new ConsoleProgressBarConsumer(System.err))
              .build();
    } else {
      line("%s: %d steps", pass, steps);
    }
  }

  @Override
  public synchronized void stepsDone(long count) {
    done += count;
    if (bar != null) {
      bar.stepBy(count);
      return;
    }
    long now = nanoTime.getAsLong();
    if (done < steps && now - lastLine >= NANOS_BETWEEN_LINES) {
      lastLine = now;
      line("%s: %d of %d (%d%%), %.0f s", pass, done, steps, 100 * done / steps, seconds(now));
    }
  }

  @Override
  public synchronized void passDone() {
    if (bar == null) {
      line("%s: done in %.1f s", pass, seconds(nanoTime.getAsLong()));
    }
    close();
  }

  /** Takes the bar of an unfinished pass down, so that what follows starts on its own line. */
  @Override
  public synchronized void close() {
    if (bar != null) {
      bar.close();
      bar = null;
    }
  }

  private double seconds(long now) {
    return (now - started) / 1e9;
  }

  private void line(String format, Object... arguments) {
    err.println(String.format(Locale.ROOT, format, arguments));
    err.flush();
  }
}
