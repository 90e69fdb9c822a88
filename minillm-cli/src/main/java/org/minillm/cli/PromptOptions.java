package org.minillm.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.minillm.core.files.TextFile;
import picocli.CommandLine.Option;

/** Texts to continue, and how far. */
final class PromptOptions {

  @Option(
      names = "--prompts",
      paramLabel = "FILE",
      description = "UTF-8 file of texts to continue, one a line; empty lines are passed over.")
  private @Nullable Path file;

  @Option(
      names = "--max-new-tokens",
      paramLabel = "N",
      defaultValue = "32",
      converter = OptionTypes.Count.class,
      description =
          "Tokens to add at most; the end-of-sequence token and the model's last position end"
              + " earlier.")
  private int maxNewTokens;

  boolean isGiven() {
    return file != null;
  }

  int maxNewTokens() {
    return maxNewTokens;
  }

  /** Reads the prompts; none where no file was given. */
  List<String> read() throws IOException {
    if (file == null) {
      return List.of();
    }
    List<String> prompts = TextFile.read(file).lines().filter(line -> !line.isBlank()).toList();
    if (prompts.isEmpty()) {
      throw new IOException(file + ": no prompt, expected one a line");
    }
    return prompts;
  }
}
