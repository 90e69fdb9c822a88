package org.minillm.core.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonPrimitive;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JournalFolderTest {

  private static final Map<String, String> RUN = Map.of("criterion", "fms");
  private static final Duration ALWAYS = Duration.ZERO;

  @TempDir private Path temp;

  private final NDManager manager = NDManager.newBaseManager();

  @AfterEach
  void free() {
    manager.close();
  }

  private Path folder() {
    return temp.resolve("out.journal");
  }

  private PassState state() {
    NDArray stream = manager.create(new float[] {1, 2, 3, 4}, new Shape(2, 2));
    return new PassState(
        3,
        new JsonPrimitive(0.1),
        ArraySource.of(List.of(stream, manager.create(new float[] {5}))));
  }

  private void save() throws IOException {
    try (JournalFolder journal = JournalFolder.open(folder(), RUN, ALWAYS)) {
      journal.saveIfDue("score", this::state);
    }
  }

  @Test
  void aPassIsFoundAsItWasSaved() throws IOException {
    // GIVEN a run that saved a pass on its way
    save();

    // WHEN the same run is started again
    try (JournalFolder journal = JournalFolder.open(folder(), RUN, ALWAYS)) {
      PassState found = journal.find("score").orElseThrow();

      // THEN it finds layers, findings and streams, and no end
      assertThat(found.layers()).isEqualTo(3);
      assertThat(found.findings().getAsDouble()).isEqualTo(0.1);
      assertThat(found.streams().shapes()).containsExactly(new Shape(2, 2), new Shape(1));
      assertThat(found.streams().read(0, manager).toFloatArray()).containsExactly(1, 2, 3, 4);
      assertThat(found.streams().read(1, manager).toFloatArray()).containsExactly(5);
      assertThat(journal.findings("score")).isEmpty();
    }
  }

  @Test
  void aPassThatIsOverIsFoundWithWhatItFound() throws IOException {
    // GIVEN a pass that was on its way and is over
    save();
    try (JournalFolder journal = JournalFolder.open(folder(), RUN, ALWAYS)) {
      journal.finish("score", new JsonPrimitive("plan"));

      // WHEN it is looked up
      // THEN there are its findings
      assertThat(journal.findings("score")).contains(new JsonPrimitive("plan"));
      assertThat(journal.findings("another")).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 4, 20, -3})
  void aDamagedStateCountsForNothing(int at) throws IOException {
    // GIVEN a state with one byte changed; counted from the end where negative
    save();
    Path file = folder().resolve("score.state");
    byte[] bytes = Files.readAllBytes(file);
    bytes[at < 0 ? bytes.length + at : at] ^= 0x10;
    Files.write(file, bytes);

    // WHEN it is looked up
    try (JournalFolder journal = JournalFolder.open(folder(), RUN, ALWAYS)) {
      // THEN nothing is known
      assertThat(journal.find("score")).isEmpty();
    }
  }

  @Test
  void aStateThatBreaksOffCountsForNothing() throws IOException {
    // GIVEN states of which the end is missing
    save();
    Path file = folder().resolve("score.state");
    byte[] bytes = Files.readAllBytes(file);
    for (int length = 0; length < bytes.length; length += 7) {
      Files.write(file, Arrays.copyOf(bytes, length));
      try (JournalFolder journal = JournalFolder.open(folder(), RUN, ALWAYS)) {
        // THEN nothing is known
        assertThat(journal.find("score")).isEmpty();
      }
    }
  }

  @Test
  void aShortRunLeavesNoTrace() throws IOException {
    // GIVEN a journal that saves every hour
    try (JournalFolder journal = JournalFolder.open(folder(), RUN, Duration.ofHours(1))) {
      // WHEN a pass goes on and is over
      journal.saveIfDue("score", this::state);
      journal.finish("score", new JsonPrimitive("plan"));
    }

    // THEN there is no folder
    assertThat(Files.list(temp)).isEmpty();
  }

  @Test
  void anotherRunIsRefusedByName() throws IOException {
    // GIVEN the journal of a run
    save();

    // WHEN another run opens it
    // THEN the message says what differs
    assertThatThrownBy(() -> JournalFolder.open(folder(), Map.of("criterion", "obs"), ALWAYS))
        .hasMessage(
            folder()
                + ": is the journal of another run that was interrupted: criterion is fms there and"
                + " obs here; start that run again to finish it, or give --restart (deletes the"
                + " journal)");
  }

  @Test
  void anotherProcessIsKeptOut() throws IOException {
    // GIVEN a journal that is in use
    save();
    try (JournalFolder journal = JournalFolder.open(folder(), RUN, ALWAYS)) {
      assertThat(journal).hasToString(folder().toString());

      // WHEN it is opened once more, or deleted
      // THEN it is refused
      assertThatThrownBy(() -> JournalFolder.open(folder(), RUN, ALWAYS))
          .hasMessageContaining("is in use");
      assertThatThrownBy(() -> JournalFolder.delete(folder())).hasMessageContaining("is in use");
    }
  }

  @Test
  void whatIsNoJournalIsLeftAlone() throws IOException {
    // GIVEN a folder with something of the user's in it
    Files.createDirectory(folder());
    Path own = Files.writeString(folder().resolve("diary.txt"), "dear diary");

    // WHEN it is opened or deleted
    // THEN it is refused
    assertThatThrownBy(() -> JournalFolder.open(folder(), RUN, ALWAYS))
        .hasMessageContaining("is no journal of a run");
    assertThatThrownBy(() -> JournalFolder.delete(folder()))
        .hasMessageContaining("is no journal of a run");
    assertThat(own).hasContent("dear diary");
  }

  @Test
  void aDeletedJournalIsGone() throws IOException {
    // GIVEN a journal
    save();

    // WHEN it is deleted, and once more
    JournalFolder.delete(folder());
    JournalFolder.delete(folder());

    // THEN nothing is left
    assertThat(Files.list(temp)).isEmpty();
  }
}
