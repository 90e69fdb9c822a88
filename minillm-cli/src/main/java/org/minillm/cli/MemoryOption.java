package org.minillm.cli;

import org.jspecify.annotations.Nullable;
import org.minillm.core.model.MemoryBudget;
import picocli.CommandLine.Option;

/** {@code --memory}. */
final class MemoryOption {

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      converter = OptionTypes.Memory.class,
      description =
          "Memory for weights and activations, such as 512m or 2g. A model that does not fit is"
              + " worked on block by block. Default: from the memory of this machine.")
  private @Nullable MemoryBudget budget;

  MemoryBudget budget() {
    return budget == null ? MemoryBudget.ofThisMachine() : budget;
  }
}
