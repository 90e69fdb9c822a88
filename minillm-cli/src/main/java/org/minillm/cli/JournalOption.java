package org.minillm.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.minillm.core.journal.JournalFolder;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code --restart}, and where the journal of a run is: beside its target. */
final class JournalOption {

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = "--restart",
      description =
          "Begin anew, although a run was interrupted: delete its journal, which stands beside the"
              + " target. Without this the same command goes on where it stopped.")
  private boolean restart;

  /** Returns the folder of the journal. */
  Path beside(Path target) throws IOException {
    Path absolute = target.toAbsolutePath();
    Path journal = absolute.resolveSibling(absolute.getFileName() + ".journal");
    if (restart) {
      JournalFolder.delete(journal);
    }
    return journal;
  }

  /** Works with a journal, and says when it is interrupted that the command can be repeated. */
  <T> T during(Path journal, Callable<T> work) throws Exception {
    return Interruption.during(
        spec.commandLine().getErr(),
        () ->
            JournalFolder.hasPasses(journal)
                ? Optional.of(
                    "the same command goes on where it stopped (what is done is in "
                        + journal
                        + ")")
                : Optional.empty(),
        work);
  }
}
