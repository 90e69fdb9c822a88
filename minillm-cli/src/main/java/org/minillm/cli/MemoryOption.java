package org.minillm.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.minillm.core.model.MemoryBudget;
import org.minillm.core.model.MemoryForecast;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code --memory}. */
final class MemoryOption {

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

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

  /**
   * Tells what memory the work will take.
   *
   * @return the peak in bytes
   * @throws IOException if the budget cannot be kept
   */
  long announce(MemoryForecast forecast, Path model) throws IOException {
    if (budget().bytes() < forecast.smallestBudget()) {
      throw new IOException(
          String.format(
              Locale.ROOT,
              "memory budget %s: pruning %s this way takes about %,d MB with one layer in memory at"
                  + " a time; give --memory %dm or more",
              budget(),
              model,
              forecast.smallestBudget() / 1_000_000,
              (forecast.smallestBudget() >> 20) + 1));
    }
    long peak = forecast.peakBytes(budget());
    spec.commandLine()
        .getErr()
        .printf(Locale.ROOT, "forecast: about %,d MB at the peak%n", peak / 1_000_000);
    return peak;
  }
}
