package org.minillm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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

  /** Returns the folder of the journal, and says so where a run goes on. */
  Path beside(Path target) throws IOException {
    Path absolute = target.toAbsolutePath();
    Path journal = absolute.resolveSibling(absolute.getFileName() + ".journal");
    if (restart) {
      JournalFolder.delete(journal);
    }
    if (Files.exists(journal)) {
      spec.commandLine()
          .getErr()
          .println("going on where a run stopped that was interrupted: " + journal);
    }
    return journal;
  }
}
