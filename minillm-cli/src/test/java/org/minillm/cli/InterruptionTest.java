package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonNull;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.channels.ClosedByInterruptException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.minillm.core.journal.ArraySource;
import org.minillm.core.journal.JournalFolder;
import org.minillm.core.journal.PassState;
import org.minillm.demo.DemoData;

/** Whoever interrupts a run is told that it can go on. */
class InterruptionTest {

  private static final String REMEDY = "the same command goes on";

  @TempDir private Path temp;

  private final StringWriter err = new StringWriter();

  private void requireThrown(Exception problem, Optional<String> remedy) {
    assertThatThrownBy(
            () ->
                Interruption.during(
                    new PrintWriter(err),
                    () -> remedy,
                    () -> {
                      throw problem;
                    }))
        .isSameAs(problem);
  }

  @Test
  void anInterruptIsALineWhereSomethingWasSaved() {
    requireThrown(new ClosedByInterruptException(), Optional.of(REMEDY));
    assertThat(err.toString())
        .isEqualToNormalizingNewlines("minillm: interrupted; " + REMEDY + "\n");
  }

  @Test
  void anInterruptIsSilentWhereNothingWasSaved() {
    requireThrown(new ClosedByInterruptException(), Optional.empty());
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void anotherFailureIsNoInterrupt() {
    requireThrown(new IOException("disk full"), Optional.of(REMEDY));
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void pruneNamesTheJournal() throws IOException {
    // GIVEN a target whose journal has something
    Path out = temp.resolve("out");
    Path journal = temp.resolve("out.journal");
    try (JournalFolder folder = JournalFolder.open(journal, Map.of(), Duration.ZERO)) {
      folder.saveIfDue(
          "score", () -> new PassState(1, JsonNull.INSTANCE, ArraySource.of(List.of())));
    }
    Path model = DemoData.model(DemoData.extract(temp.resolve("demo")));

    // WHEN the thread of the run is interrupted at its first word, with which the work begins
    StringWriter interrupting =
        new StringWriter() {
          @Override
          public void write(String words) {
            super.write(words);
            Thread.currentThread().interrupt();
          }

          @Override
          public void write(String words, int from, int count) {
            super.write(words, from, count);
            Thread.currentThread().interrupt();
          }
        };
    int exitCode;
    try {
      exitCode =
          Main.run(
              new PrintWriter(new StringWriter()),
              new PrintWriter(interrupting),
              false,
              "prune",
              model.toString(),
              "--out",
              out.toString());
    } finally {
      Thread.interrupted();
    }

    // THEN it ends as if by Ctrl-C, and says how it goes on
    assertThat(exitCode).isEqualTo(130);
    assertThat(interrupting.toString())
        .contains(
            "minillm: interrupted; the same command goes on where it stopped (what is done is in "
                + journal
                + ")");
  }

  /** Works for a minute. */
  static final class Sleeper {

    private Sleeper() {}

    /** Says when it is at work. */
    public static void main(String[] args) throws Exception {
      Interruption.during(
          new PrintWriter(System.err),
          () -> Optional.of(REMEDY),
          () -> {
            System.out.write('!');
            System.out.flush();
            Thread.sleep(Duration.ofMinutes(1).toMillis());
            return "";
          });
    }
  }

  @ParameterizedTest
  @CsvSource({"INT, 130", "TERM, 143"})
  void aSignalIsALineAndTheExitCodeOfTheShell(String signal, int exitCode) throws Exception {
    // GIVEN a process at work
    Process process =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElse("java"),
                "-cp",
                System.getProperty("java.class.path"),
                Sleeper.class.getName())
            .start();
    try {
      assertThat(process.getInputStream().read()).isEqualTo('!');

      // WHEN it gets a signal
      new ProcessBuilder("kill", "-" + signal, Long.toString(process.pid())).start().waitFor();

      // THEN
      assertThat(process.waitFor()).isEqualTo(exitCode);
      assertThat(process.getErrorStream())
          .asString(StandardCharsets.UTF_8)
          .contains("minillm: interrupted; " + REMEDY);
    } finally {
      process.destroyForcibly();
    }
  }
}
