package org.minillm.cli;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.minillm.core.files.TargetFile;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code --json}. */
final class JsonOption {

  private static final String NAME = "--json";

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = NAME,
      paramLabel = "FILE",
      description = "Also write the results into this file, as one flat JSON object.")
  private @Nullable Path file;

  /**
   * Checks, before the work, that the report can be written after it.
   *
   * @throws IOException if it cannot be; the message says why
   */
  void check() throws IOException {
    if (file != null) {
      target(file).check();
    }
  }

  /**
   * Writes the report where the user asked for one.
   *
   * @param report the results
   * @throws IOException if the file cannot be written
   */
  void write(JsonReport report) throws IOException {
    if (file != null) {
      spec.commandLine().getOut().flush(); // the file may be the standard output
      target(file).write(report + "\n");
    }
  }

  /**
   * Writes a report that will be written again with more in it. A stream gets the last one only.
   *
   * @param report the results so far
   * @throws IOException if the file cannot be written
   */
  void writeSoFar(JsonReport report) throws IOException {
    if (file != null && !target(file).isStream()) {
      write(report);
    }
  }

  private TargetFile target(Path named) {
    return new TargetFile(named, true).apartFrom(GivenPaths.besides(spec, NAME));
  }
}
