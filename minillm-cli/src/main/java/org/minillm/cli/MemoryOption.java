package org.minillm.cli;

import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** {@code --memory}. */
final class MemoryOption {

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      converter = OptionTypes.Bytes.class,
      description =
          "Memory for weights and activations, such as 512m or 2g. A model that does not fit is"
              + " worked on block by block. Default: from the memory of this machine.")
  private @Nullable Long bytes;

  /**
   * Returns the budget.
   *
   * @return bytes; empty where the user left it to the program
   */
  OptionalLong bytes() {
    return bytes == null ? OptionalLong.empty() : OptionalLong.of(bytes);
  }
}
