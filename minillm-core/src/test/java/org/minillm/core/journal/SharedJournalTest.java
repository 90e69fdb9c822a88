package org.minillm.core.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonPrimitive;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One run at a time has a journal. */
class SharedJournalTest {

  private static final Map<String, String> RUN = Map.of("criterion", "fms");

  @TempDir private Path temp;

  private Path folder() {
    return temp.resolve("out.journal");
  }

  private static JournalFolder open(Path folder) throws IOException {
    return JournalFolder.open(folder, RUN, Duration.ZERO);
  }

  private void requireInUse() {
    assertThatThrownBy(() -> open(folder()))
        .isInstanceOf(IOException.class)
        .hasMessage(
            folder()
                + ": is in use: another process or thread is at the same run; let that one end");
  }

  @Test
  void aSecondRunIsRefusedBeforeAnythingIsSavedAndAfterwards() throws IOException {
    // GIVEN a run that has saved nothing
    try (JournalFolder journal = open(folder())) {
      // WHEN another comes
      // THEN it is refused, also once something is saved
      requireInUse();
      journal.finish("score", new JsonPrimitive("plan"));
      requireInUse();
      assertThatThrownBy(() -> JournalFolder.delete(folder())).hasMessageContaining("is in use");

      // THEN the first goes on undisturbed
      journal.finish("another", new JsonPrimitive("plan"));
      assertThat(journal.findings("another")).isPresent();
    }

    // THEN nothing but the journal is left, for whoever comes next
    assertThat(temp).isDirectoryContaining(file -> file.equals(folder()));
    assertThat(Files.list(temp)).hasSize(1);
    try (JournalFolder journal = open(folder())) {
      assertThat(journal.findings("score")).contains(new JsonPrimitive("plan"));
    }
  }

  @Test
  void theWayToTheFolderMakesNoDifference() throws IOException {
    // GIVEN a run
    try (JournalFolder journal = open(folder())) {
      assertThat(journal).hasToString(folder().toString());

      // WHEN another comes by another way
      Path roundabout = temp.resolve("..").resolve(temp.getFileName()).resolve("out.journal");

      // THEN it is refused
      assertThatThrownBy(() -> open(roundabout)).hasMessageContaining("is in use");
    }
  }

  /** Saves a pass, says so, and waits to be killed. */
  public static final class OtherProcess {

    private OtherProcess() {}

    /** Takes the folder. */
    public static void main(String[] args) throws Exception {
      JournalFolder journal = open(Path.of(args[0]));
      journal.finish("score", new JsonPrimitive("plan"));
      System.out.write('!');
      System.out.flush();
      Thread.sleep(Duration.ofMinutes(1).toMillis());
      journal.close();
    }
  }

  @Test
  void aProcessHasTheJournalUntilItDies() throws Exception {
    // GIVEN another process at the same run
    Process process =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElse("java"),
                "-cp",
                System.getProperty("java.class.path"),
                OtherProcess.class.getName(),
                folder().toString())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    try {
      assertThat(process.getInputStream().read()).isEqualTo('!');
      requireInUse();
    } finally {
      // WHEN it is killed
      process.destroyForcibly().waitFor();
    }

    // THEN another run takes over what it had done, and leaves nothing else
    try (JournalFolder journal = open(folder())) {
      assertThat(journal.findings("score")).contains(new JsonPrimitive("plan"));
      journal.forget();
    }
    assertThat(Files.list(temp)).isEmpty();
  }

  @Test
  void whatAKilledRunLeftHalfMadeIsTidiedUp() throws IOException {
    // GIVEN what a run left that was killed while it made its folder, and something of the user's
    Path part = Files.createDirectory(temp.resolve(".out.journal.part-1a2b3c4d"));
    Files.writeString(part.resolve("run.json"), "{");
    Files.createFile(temp.resolve(".out.journal.lock"));
    Path own = Files.createDirectory(temp.resolve(".out.journal.part-own"));
    Files.writeString(own.resolve("diary.txt"), "dear diary");

    // WHEN another run comes and goes
    open(folder()).close();

    // THEN only the user's is left
    assertThat(Files.list(temp)).containsExactly(own);
    assertThat(own.resolve("diary.txt")).hasContent("dear diary");
  }
}
