package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class CliProgressTest {

  private static final long SECOND = 1_000_000_000L;

  private final StringWriter err = new StringWriter();
  private final AtomicLong clock = new AtomicLong(5 * SECOND);
  private final CliProgress progress =
      new CliProgress(new PrintWriter(err, true), false, clock::get);

  @Test
  void aQuickPassIsTwoLines() {
    // WHEN
    progress.passStarted("statistics", 30);
    for (int step = 0; step < 30; step++) {
      stepAfter(SECOND / 10);
    }
    progress.passDone();

    // THEN
    assertThat(err.toString())
        .isEqualToNormalizingNewlines(
            """
            statistics: 30 steps
            statistics: done in 3.0 s
            """);
  }

  @Test
  void aLongPassSaysEveryTenSecondsWhereItIs() {
    // WHEN
    progress.passStarted("spsa", 8);
    for (int step = 0; step < 8; step++) {
      stepAfter(4 * SECOND);
    }
    progress.passDone();

    // THEN the steps end at 4, 8, 12, … 32 s
    assertThat(err.toString())
        .isEqualToNormalizingNewlines(
            """
            spsa: 8 steps
            spsa: 3 of 8 (37%), 12 s
            spsa: 6 of 8 (75%), 24 s
            spsa: done in 32.0 s
            """);
  }

  @Test
  void everyPassCountsFromItsOwnStart() {
    // GIVEN
    progress.passStarted("score", 1);
    stepAfter(50 * SECOND);
    progress.passDone();

    // WHEN
    progress.passStarted("cut", 2);
    stepAfter(SECOND);
    progress.passDone();

    // THEN
    assertThat(err.toString()).endsWith(String.format("cut: 2 steps%ncut: done in 1.0 s%n"));
  }

  private void stepAfter(long nanos) {
    clock.addAndGet(nanos);
    progress.stepDone();
  }
}
