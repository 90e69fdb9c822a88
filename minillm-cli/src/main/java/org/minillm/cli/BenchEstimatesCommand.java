package org.minillm.cli;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.evidence.GradientEstimator;
import org.minillm.core.files.TargetFile;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code minillm bench estimates}. */
@Command(
    name = "estimates",
    header = "Measures how noisy estimates of the gradient are.",
    description =
        "Every estimate is compared with the true gradient, by back-propagation on the same"
            + " windows: the cosine of the two, and the rank correlation of what they say about"
            + " units. The true gradient of the weights takes the memory of one more model.",
    footer = {
      "  minillm bench estimates MODEL --out DIR",
      "  minillm bench estimates MODEL --estimators none,spsa:data=all,probes=64,gates:pairs=8 \\",
      "      --calibration text.txt --samples 16 --out DIR"
    })
final class BenchEstimatesCommand implements Callable<Integer> {

  static final String TABLE = "estimates.csv";

  private static final int WINDOW = 128;

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "MODEL", description = "Checkpoint folder; it is only read.")
  private Path model;

  @Option(
      names = "--estimators",
      paramLabel = "E,E,...",
      defaultValue =
          "none,spsa,spsa:data=all,probes=4,spsa:data=all,probes=16,gates:pairs=2,gates:pairs=8",
      description =
          "Gradient estimators as prune's --gradient takes them, with settings after a colon where"
              + " wanted; none is a gradient of 1 everywhere.")
  private String estimators = "";

  @Option(
      names = "--calibration",
      paramLabel = "FILE",
      description =
          "UTF-8 text that the loss is measured on. Default: 150 kB of WikiText-2 that come with"
              + " the program.")
  private @Nullable Path calibration;

  @Option(
      names = "--samples",
      paramLabel = "N",
      defaultValue = "32",
      converter = OptionTypes.Count.class,
      description = "Calibration windows of 128 tokens, evenly spaced over the text.")
  private int samples;

  @Option(
      names = "--seed",
      paramLabel = "S",
      defaultValue = "0",
      description = "Seed of all randomness.")
  private long seed;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "Folder of the results: estimates.csv.")
  private Path out;

  @Mixin private MemoryOption memory;
  @Mixin private ThreadsOption threads;

  @Override
  public Integer call() throws Exception {
    ImmutableList<EstimateBenchmark.Estimator> chosen = chosenEstimators();
    TargetFile table = ResultFolder.open(out, GivenPaths.besides(spec, "--out")).report(TABLE);
    List<EstimateRow> rows = new ArrayList<>();
    try (CliProgress progress = CliProgress.on(spec.commandLine().getErr());
        CausalLm lm = CausalLm.open(model, memory.budget());
        EstimateBenchmark benchmark = benchmark(lm, chosen, progress)) {
      for (EstimateBenchmark.Estimator estimator : chosen) {
        rows.addAll(benchmark.measure(estimator));
        // so that nothing measured is lost
        table.write(CsvTable.of(rows.stream().map(EstimateRow::columns).toList()));
      }
    }
    print(rows);
    return ExitCode.OK;
  }

  private ImmutableList<EstimateBenchmark.Estimator> chosenEstimators() {
    Map<String, String> offered = Map.of("seed", Long.toString(seed));
    try {
      return PruningMethod.words(estimators).stream()
          .map(
              word ->
                  new EstimateBenchmark.Estimator(
                      word, RestoreOption.unlessNone(GradientEstimator.class, word, offered)))
          .collect(ImmutableList.toImmutableList());
    } catch (IllegalArgumentException e) {
      throw new ParameterException(
          spec.commandLine(), "Invalid value for option '--estimators': " + e.getMessage());
    }
  }

  private EstimateBenchmark benchmark(
      CausalLm lm, List<EstimateBenchmark.Estimator> chosen, CliProgress progress)
      throws IOException {
    CalibrationSet data = calibrationSet(lm);
    memory.announce(
        List.of(
            CalibrationOptions.memoryForecast(calibration),
            EstimateBenchmark.memoryForecast(lm, data)),
        model);
    return new EstimateBenchmark(lm, data, chosen, progress);
  }

  private CalibrationSet calibrationSet(CausalLm lm) throws IOException {
    try (Tokenizer tokenizer = lm.tokenizer()) {
      return CalibrationSet.evenlySpaced(
          CalibrationOptions.source(calibration),
          CalibrationOptions.tokens(tokenizer, calibration),
          samples,
          WINDOW);
    }
  }

  private void print(List<EstimateRow> rows) {
    TextTable table =
        new TextTable(
            "estimator",
            "of",
            "groups",
            "passes",
            "seconds",
            "cosine",
            "rank in layers",
            "over model",
            "of layers");
    for (EstimateRow row : rows) {
      table.row(
          row.estimator(),
          row.of(),
          row.groups().toString(),
          Long.toString(row.forwardPasses()),
          formatted("%.1f", row.seconds()),
          formatted("%.5f", row.cosine()),
          formatted("%.3f", row.ranks().withinLayers()),
          formatted("%.3f", row.ranks().overModel()),
          formatted("%.3f", row.ranks().ofLayers()));
    }
    table.print(spec.commandLine().getOut());
    spec.commandLine().getOut().println("all figures: " + out.resolve(TABLE));
  }

  private static String formatted(String format, double number) {
    return Double.isNaN(number) ? "" : String.format(Locale.ROOT, format, number);
  }
}
