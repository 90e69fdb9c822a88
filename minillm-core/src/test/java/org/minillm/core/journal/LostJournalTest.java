package org.minillm.core.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonPrimitive;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A journal is an insurance: where it cannot be written, the run goes on without it. */
class LostJournalTest {

  @TempDir private Path temp;

  private JournalFolder open(String folder) throws IOException {
    return JournalFolder.open(temp.resolve(folder), Map.of("criterion", "fms"), Duration.ZERO);
  }

  @Test
  void aStateThatCannotBeWrittenEndsTheSavingAndKeepsWhatWasSaved() throws IOException {
    // GIVEN a journal with a pass, and something in the way of the next
    try (JournalFolder journal = open("out.journal")) {
      journal.finish("score", new JsonPrimitive("scores"));
      Path way = Files.createDirectory(temp.resolve("out.journal/plan.state"));
      Files.createFile(way.resolve("in the way"));

      // WHEN that is saved, and one more
      journal.finish("plan", new JsonPrimitive("plan"));
      journal.finish("losses", new JsonPrimitive("losses"));

      // THEN neither was, nothing half-written is left, and what was saved is there
      assertThat(journal.findings("losses")).isEmpty();
      assertThat(journal.file("tensors")).isEmpty();
      assertThat(journal.findings("score")).contains(new JsonPrimitive("scores"));
      assertThat(Files.list(temp.resolve("out.journal")))
          .extracting(file -> file.getFileName().toString())
          .containsExactlyInAnyOrder("run.json", "score.state", "plan.state");
    }
  }

  @Test
  void aFolderThatCannotBeMadeEndsTheSaving() throws IOException {
    // GIVEN a journal whose place goes
    Files.createDirectory(temp.resolve("gone"));
    try (JournalFolder journal = open("gone/out.journal")) {
      Files.delete(temp.resolve("gone/.out.journal.lock"));
      Files.delete(temp.resolve("gone"));

      // WHEN something is saved
      journal.finish("score", new JsonPrimitive("scores"));

      // THEN the run goes on, and ends well
      assertThat(journal.findings("score")).isEmpty();
      journal.forget();
    }
  }

  @Test
  void aPlaceWhereNothingCanBeMadeIsNoJournal() throws IOException {
    // GIVEN a journal in a folder that is not there
    try (JournalFolder journal = open("absent/out.journal")) {
      // WHEN something is saved
      journal.finish("score", new JsonPrimitive("scores"));

      // THEN the run goes on
      assertThat(journal.file("tensors")).isEmpty();
      assertThat(journal.findings("score")).isEmpty();
      journal.forget();
    }
    assertThat(Files.list(temp)).isEmpty();
  }

  @Test
  void anInterruptIsNoLossOfTheJournal() throws IOException {
    try (JournalFolder journal = open("out.journal")) {
      // GIVEN a thread that was interrupted
      Thread.currentThread().interrupt();

      // WHEN it saves
      // THEN it is told
      assertThatThrownBy(() -> journal.finish("score", new JsonPrimitive("scores")))
          .isInstanceOf(ClosedByInterruptException.class);
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
  }
}
