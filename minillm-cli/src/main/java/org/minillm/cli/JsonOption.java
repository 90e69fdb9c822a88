package org.minillm.cli;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** {@code --json}. */
final class JsonOption {

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "Also write the results into this file, as one flat JSON object.")
  private @Nullable Path file;

  /**
   * Writes the report where the user asked for one.
   *
   * @param report the results
   * @throws IOException if the file cannot be written
   */
  void write(JsonReport report) throws IOException {
    if (file != null) {
      report.write(file);
    }
  }
}
