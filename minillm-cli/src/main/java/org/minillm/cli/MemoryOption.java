package org.minillm.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.minillm.core.runtime.MemoryBudget;
import org.minillm.core.runtime.MemoryForecast;
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
          "Memory for the whole process, such as 512m or 2g. A model that does not fit is worked"
              + " on block by block; a budget that cannot be kept is refused. Default: from the"
              + " memory of this machine.")
  private @Nullable MemoryBudget budget;

  MemoryBudget budget() {
    return budget == null ? MemoryBudget.ofThisMachine() : budget;
  }

  /**
   * Tells what memory the work will take.
   *
   * @param forecasts of its steps, one after the other, at least 1
   * @param model what the work is on
   * @return the peak in bytes
   * @throws IOException if the budget cannot be kept
   */
  long announce(Collection<MemoryForecast> forecasts, Path model) throws IOException {
    require(hungriest(forecasts), model.toString());
    return print(
        forecasts.stream().mapToLong(each -> each.peakBytes(budget())).max().orElseThrow());
  }

  /** The same for a single step. */
  long announce(MemoryForecast forecast, Path model) throws IOException {
    return announce(List.of(forecast), model);
  }

  /**
   * Tells what memory models take that are open together, each with an equal part of the budget.
   *
   * @param forecasts one a model
   * @param models their folders
   * @return the peak in bytes
   * @throws IOException if the budget cannot be kept
   */
  long announceTogether(List<MemoryForecast> forecasts, List<Path> models) throws IOException {
    MemoryForecast hungriest = hungriest(forecasts);
    require(
        hungriest.plus((models.size() - 1) * hungriest.workingBytes()),
        models.stream().map(Path::toString).collect(Collectors.joining(", ")));
    return print(MemoryForecast.peakBytesTogether(forecasts, budget()));
  }

  private static MemoryForecast hungriest(Collection<MemoryForecast> forecasts) {
    return forecasts.stream()
        .max(Comparator.comparingLong(MemoryForecast::smallestBudget))
        .orElseThrow();
  }

  private void require(MemoryForecast forecast, String model) throws IOException {
    Optional<String> shortfall = forecast.shortfall(budget(), model);
    if (shortfall.isPresent()) {
      throw new IOException(
          shortfall.get() + "; give --memory " + forecast.smallestBudgetInWords() + " or more");
    }
  }

  private long print(long peak) {
    spec.commandLine()
        .getErr()
        .printf(Locale.ROOT, "forecast: about %,d MB at the peak%n", peak / 1_000_000);
    return peak;
  }
}
