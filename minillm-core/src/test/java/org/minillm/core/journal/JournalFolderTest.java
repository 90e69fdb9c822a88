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
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.files.JsonNode;

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
        .isInstanceOf(OtherRunException.class)
        .hasMessage(
            folder()
                + ": is the journal of another run that was interrupted: criterion is fms there and"
                + " obs here; start that run again to finish it, or delete the journal to begin"
                + " anew");
  }

  private void requireLeftAlone(String reason, Path own) throws IOException {
    String before = Files.readString(own);
    assertThatThrownBy(() -> JournalFolder.open(folder(), RUN, ALWAYS))
        .isInstanceOf(IOException.class)
        .hasMessage(folder() + ": " + reason + "; move it away");
    assertThatThrownBy(() -> JournalFolder.delete(folder()))
        .isInstanceOf(IOException.class)
        .hasMessage(folder() + ": " + reason + "; move it away");
    assertThat(own).hasContent(before);
  }

  @Test
  void whatIsNoJournalIsLeftAlone() throws IOException {
    // GIVEN a folder with something of the user's in it
    Files.createDirectory(folder());
    Path own = Files.writeString(folder().resolve("diary.txt"), "dear diary");

    // WHEN it is opened or deleted
    // THEN it is refused
    requireLeftAlone("exists and is no journal of a run (no run.json)", own);
  }

  @Test
  void anotherProgramsRunFileIsLeftAlone() throws IOException {
    // GIVEN a folder with nothing but a file of the name that ours has
    Files.createDirectory(folder());
    Path own = Files.writeString(folder().resolve("run.json"), "{}");

    // WHEN it is opened or deleted
    // THEN it is refused
    requireLeftAlone("exists and is no journal of a run (another run.json)", own);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aJournalWithSomethingOfTheUsersIsLeftAlone(boolean damaged) throws IOException {
    // GIVEN a journal, damaged or not, to which something was added
    save();
    if (damaged) {
      Files.writeString(folder().resolve("run.json"), "{");
    }
    Path own = Files.writeString(folder().resolve("diary.txt"), "dear diary");

    // WHEN it is opened or deleted
    // THEN it is refused
    requireLeftAlone("has diary.txt in it, which is none of a journal's files", own);
    assertThat(folder().resolve("score.state")).exists();
  }

  @Test
  void aFileInThePlaceOfTheFolderIsLeftAlone() throws IOException {
    requireLeftAlone(
        "exists and is no journal of a run (no run.json)", Files.writeString(folder(), "diary"));
  }

  @Test
  void whoTakesSomethingUpIsToldOnce() throws IOException {
    // GIVEN a journal with a pass that is on its way
    save();
    AtomicInteger told = new AtomicInteger();
    try (JournalFolder journal = JournalFolder.open(folder(), RUN, ALWAYS, told::incrementAndGet)) {
      assertThat(JournalFolder.hasPasses(folder())).isTrue();

      // WHEN passes are looked up that are not there, or do not fit
      assertThat(journal.resume("another", state -> {})).isEmpty();
      assertThat(
              journal.resume(
                  "score",
                  state -> {
                    throw new IllegalArgumentException("other streams");
                  }))
          .isEmpty();
      assertThat(journal.findings("score", JsonNode::number)).isEmpty();

      // THEN nothing goes on
      assertThat(told).hasValue(0);

      // WHEN one is taken up, twice
      assertThat(journal.resume("score", state -> {})).isPresent();
      assertThat(journal.resume("score", state -> {})).isPresent();

      // THEN it was told once
      assertThat(told).hasValue(1);
    }
  }

  @Test
  void aRunThatIsOverLeavesNothing() throws IOException {
    // GIVEN a run that saved something
    save();
    try (JournalFolder journal = JournalFolder.open(folder(), RUN, ALWAYS)) {
      Files.writeString(journal.file("beside").orElseThrow(), "kept");

      // WHEN it is over
      journal.forget();
    }

    // THEN
    assertThat(Files.list(temp)).isEmpty();
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
