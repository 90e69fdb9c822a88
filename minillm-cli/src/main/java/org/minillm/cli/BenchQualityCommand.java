package org.minillm.cli;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.minillm.core.checkpoint.CheckpointWriter;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code minillm bench quality}. */
@Command(
    name = "quality",
    header = "Prunes a model in many ways and measures what is left.",
    description =
        "Every method at every ratio of every kind of groups: plan, cut to a scratch folder, open"
            + " what was written, measure. A row is written when it is done, and a run that is"
            + " started again with the same settings measures only the rows that are missing. ln"
            + " ratio is ln(perplexity / that of the dense model) with its paired standard error"
            + " over the windows.",
    footer = {
      "  minillm bench quality MODEL --methods fms,wanda,magnitude,random --ratios 0.2,0.5 \\",
      "      --groups channels,heads,both --calibration text.txt --perplexity test.txt,other.txt \\",
      "      --tasks arc_easy.jsonl,piqa.jsonl --out DIR"
    })
final class BenchQualityCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "MODEL", description = "Checkpoint folder; it is only read.")
  private Path model;

  @Option(
      names = "--methods",
      paramLabel = "M,M,...",
      defaultValue = "fms,wanda,magnitude,random",
      description =
          "CRITERION[/HEAD_CRITERION][@GRADIENT][+RESTORATION][~ALLOCATION], each with settings after"
              + " a colon where wanted, such as fms@spsa:probes=16, fms@none,"
              + " obs+least-squares:lambda=0.1~global; or best, what prune does unasked.")
  private String methods = "";

  @Option(
      names = "--ratios",
      paramLabel = "R,R,...",
      hideParamSyntax = true,
      defaultValue = "0.2,0.5",
      split = ",",
      converter = OptionTypes.Ratio.class,
      description = "Pruning ratios: the part of the parameters in the groups to remove.")
  private List<Double> ratios = new ArrayList<>();

  @Option(
      names = "--groups",
      paramLabel = "KIND,KIND,...",
      hideParamSyntax = true,
      defaultValue = "channels",
      split = ",",
      converter = OptionTypes.Groups.class,
      description = "Some of ${COMPLETION-CANDIDATES}.")
  private List<PrunedGroups> groups = new ArrayList<>();

  @Option(
      names = "--calibration",
      paramLabel = "FILE",
      description =
          "UTF-8 text that the models read meanwhile. Default: 150 kB of WikiText-2 that come with"
              + " the program.")
  private @Nullable Path calibration;

  @Option(
      names = "--samples",
      paramLabel = "N",
      defaultValue = "32",
      converter = OptionTypes.Count.class,
      description = "Calibration windows, evenly spaced over the text.")
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
      description = "Folder of the results: quality.jsonl and quality.csv.")
  private Path out;

  @Mixin private SuiteOptions options;
  @Mixin private MemoryOption memory;
  @Mixin private ThreadsOption threads;

  @Override
  public Integer call() throws Exception {
    if (options.isEmpty()) {
      throw new ParameterException(
          spec.commandLine(), "Missing required option: '--perplexity=FILE' (or '--tasks=FILE')");
    }
    ImmutableList<PruningMethod> chosen =
        PruningMethod.option(spec, methods, Map.of("seed", Long.toString(seed)));
    QualityResults results =
        QualityResults.open(ResultFolder.open(out, GivenPaths.besides(spec, "--out")));
    Path scratch = out.resolve("scratch");
    CheckpointWriter.checkTarget(scratch, true, model);
    QualityBenchmark benchmark =
        new QualityBenchmark(
            model,
            memory.budget(),
            options.suite(),
            new QualityBenchmark.CalibrationText(calibration, samples, options.window(), seed),
            scratch);
    ImmutableList<QualityBenchmark.Cell> cells = QualityBenchmark.cells(chosen, ratios, groups);
    memory.announce(benchmark.memoryForecasts(cells), model);
    List<QualityRow> rows =
        Interruption.during(
            spec.commandLine().getErr(),
            () -> remedy(results.of(benchmark.settings()).size()),
            () -> measure(benchmark, results, cells));
    results.writeTable(benchmark.settings());
    print(rows);
    return ExitCode.OK;
  }

  private Optional<String> remedy(int measured) {
    return measured == 0
        ? Optional.empty()
        : Optional.of(
            "the same command goes on after the rows that are measured ("
                + measured
                + " in "
                + out.resolve(QualityResults.ROWS)
                + ")");
  }

  /** Returns the dense row and the rows of all cells. */
  private List<QualityRow> measure(
      QualityBenchmark benchmark, QualityResults results, List<QualityBenchmark.Cell> cells)
      throws IOException {
    List<QualityRow> rows = new ArrayList<>();
    QualityRow dense = row(results, benchmark.denseKey(), "dense", benchmark::measureDense);
    rows.add(dense);
    for (QualityBenchmark.Cell cell : cells) {
      String name = "%s of %s: %s".formatted(rows.size(), cells.size(), cell);
      rows.add(row(results, benchmark.key(cell), name, () -> benchmark.measure(cell, dense)));
    }
    return rows;
  }

  /** Measures one row. */
  private interface Measurement {
    QualityRow run() throws IOException;
  }

  /** Measures a row and writes it down, where that was not done before. */
  private QualityRow row(
      QualityResults results, QualityRow.Key key, String name, Measurement measurement)
      throws IOException {
    Optional<QualityRow> known = results.find(key);
    PrintWriter err = spec.commandLine().getErr();
    err.print(name + ": ");
    err.flush();
    QualityRow row = known.isPresent() ? known.get() : measurement.run();
    if (known.isEmpty()) {
      results.add(row);
    }
    err.println(
        known.isPresent()
            ? "measured before"
            : String.format(Locale.ROOT, "%.1f s", row.cost().seconds()));
    return row;
  }

  private void print(List<QualityRow> rows) {
    List<String> headings =
        new ArrayList<>(List.of("method", "gradient", "pruned", "groups", "parameters"));
    rows.get(0).texts().keySet().forEach(text -> headings.addAll(List.of(text, "ln ratio")));
    rows.get(0).tasks().keySet().forEach(task -> headings.add(task + " acc"));
    headings.addAll(List.of("seconds", "peak MB"));
    TextTable table = new TextTable(headings.toArray(String[]::new));
    rows.forEach(row -> table.row(cells(row).toArray(String[]::new)));
    table.print(spec.commandLine().getOut());
    spec.commandLine().getOut().println("all figures: " + out.resolve(QualityResults.TABLE));
  }

  private static List<String> cells(QualityRow row) {
    List<String> cells =
        new ArrayList<>(
            List.of(
                row.method(),
                row.gradient(),
                Math.round(100 * row.ratio()) + "%",
                row.groups(),
                CutSummary.grouped(row.parameters())));
    for (QualityRow.OfText text : row.texts().values()) {
      cells.add(formatted("%.2f", text.perplexity()));
      Double error = text.logRatioStderr();
      cells.add(
          ResultKeys.withError(
              formatted("%+.4f", text.logRatio()), error == null ? Double.NaN : error));
    }
    row.tasks().values().forEach(task -> cells.add(ResultKeys.share(task.acc())));
    Long peak = row.cost().peakRssBytes();
    cells.add(formatted("%.1f", row.cost().seconds()));
    cells.add(formatted("%.0f", peak == null ? null : peak / 1e6));
    return cells;
  }

  private static String formatted(String format, @Nullable Double number) {
    return number == null ? "" : String.format(Locale.ROOT, format, number);
  }
}
