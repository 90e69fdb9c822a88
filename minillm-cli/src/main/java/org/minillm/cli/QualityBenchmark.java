package org.minillm.cli;

import com.google.common.collect.ImmutableList;
import com.google.common.hash.HashCode;
import com.google.common.hash.Hashing;
import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import com.google.common.primitives.ImmutableDoubleArray;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.evaluation.EvaluationSuite;
import org.minillm.core.evaluation.MultipleChoice;
import org.minillm.core.evaluation.Perplexity;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.MemoryBudget;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.Tokenizer;

/**
 * Prunes one model in many ways and measures what is left: plan, cut to a scratch folder, open what
 * was written, measure. One model is open at a time.
 */
final class QualityBenchmark {

  private final Path model;
  private final MemoryBudget memory;
  private final EvaluationSuite suite;
  private final CalibrationText text;
  private final int[] calibration;
  private final ImmutableList<int[]> texts;
  private final Path scratch;
  private final String settings;

  /**
   * Prepares a run: opens the model once, and tokenises all texts.
   *
   * @param model the dense model
   * @param memory the budget of every step
   * @param suite what is measured
   * @param text the calibration text
   * @param scratch a folder for the pruned models, gone when a row is done
   */
  QualityBenchmark(
      Path model, MemoryBudget memory, EvaluationSuite suite, CalibrationText text, Path scratch)
      throws IOException {
    this.model = model;
    this.memory = memory;
    this.suite = suite;
    this.scratch = scratch;
    this.text = text;
    try (CausalLm dense = CausalLm.open(model, memory);
        Tokenizer tokenizer = dense.tokenizer()) {
      calibration = CalibrationOptions.tokens(tokenizer, text.file);
      texts = suite.tokens(tokenizer);
      settings = settings(dense, text);
    }
  }

  /** What the models read meanwhile; the file is null for the text that the program brings. */
  record CalibrationText(@Nullable Path file, int samples, int window, long seed) {}

  /** One row to be measured. */
  record Cell(PruningMethod method, double ratio, PrunedGroups groups) {

    PruningTarget target() {
      return PruningTarget.of(ratio, groups.kinds().toArray(GroupKind[]::new));
    }

    @Override
    public String toString() {
      return method.word() + " " + Math.round(100 * ratio) + "% " + groups;
    }
  }

  /** A hash of what all rows have in common, contents of files included. */
  private String settings(CausalLm dense, CalibrationText text) throws IOException {
    List<String> facts = new ArrayList<>();
    facts.add("model " + dense.checkpoint().sha256OfSamples());
    facts.add("config " + sha256(model.resolve("config.json")));
    facts.add("limit " + suite.limit());
    facts.add("window " + suite.window() + " of at most " + suite.maxWindows());
    facts.add("calibration " + (text.file == null ? "" : sha256(text.file)));
    facts.add("samples " + text.samples + " of " + text.window);
    facts.add("seed " + text.seed);
    for (Path file : suite.texts()) {
      facts.add("text " + EvaluationSuite.nameOf(file) + " " + sha256(file));
    }
    for (Path file : suite.tasks()) {
      facts.add("task " + EvaluationSuite.nameOf(file) + " " + sha256(file));
    }
    return Hashing.sha256().hashString(String.join("\n", facts), StandardCharsets.UTF_8).toString();
  }

  private static HashCode sha256(Path file) throws IOException {
    return MoreFiles.asByteSource(file).hash(Hashing.sha256());
  }

  String settings() {
    return settings;
  }

  QualityRow.Key denseKey() {
    return new QualityRow.Key(settings, QualityRow.DENSE, 0, "none");
  }

  QualityRow.Key key(Cell cell) {
    return new QualityRow.Key(settings, cell.method.word(), cell.ratio, cell.groups.toString());
  }

  /** Forecasts all steps of all cells; each reserves its own. */
  List<MemoryForecast> memoryForecasts(List<Cell> cells) throws IOException {
    try (CausalLm lm = CausalLm.open(model, memory)) {
      List<MemoryForecast> forecasts = new ArrayList<>(suite.memoryForecasts(lm));
      forecasts.add(CalibrationOptions.memoryForecast(text.file));
      for (Cell cell : cells) {
        StructuredPruner pruner = cell.method.recipe().pruner(cell.target()).build();
        forecasts.add(
            pruner.memoryForecast(lm, pruner.readsText() ? calibration(cell.method) : null));
      }
      return forecasts;
    }
  }

  QualityRow measureDense() throws IOException {
    RunCost cost = RunCost.start();
    EvaluationSuite.Result result = measure(model);
    return row(
        denseKey(), "none", new QualityRow.Cost(0, 0, cost.seconds(), peak(cost), 0), result, null);
  }

  /**
   * Measures one cell.
   *
   * @param cell what to do
   * @param dense the row of the dense model
   */
  QualityRow measure(Cell cell, QualityRow dense) throws IOException {
    RunCost cost = RunCost.start();
    PruningPlan plan;
    double planned;
    try (CausalLm lm = CausalLm.open(model, memory)) {
      StructuredPruner pruner = cell.method.recipe().pruner(cell.target()).overwrite(true).build();
      CalibrationSet data = pruner.readsText() ? calibration(cell.method) : null;
      plan = pruner.plan(lm, data);
      planned = cost.seconds();
      pruner.apply(lm, plan, data, scratch);
    }
    double cut = cost.seconds();
    try {
      EvaluationSuite.Result result = measure(scratch);
      long passes = Long.parseLong(plan.provenance().getOrDefault("forward_passes", "0"));
      return row(
          key(cell),
          plan.provenance().getOrDefault("gradient", "none"),
          new QualityRow.Cost(planned, cut - planned, cost.seconds() - cut, peak(cost), passes),
          result,
          dense);
    } finally {
      MoreFiles.deleteRecursively(scratch, RecursiveDeleteOption.ALLOW_INSECURE);
    }
  }

  private CalibrationSet calibration(PruningMethod method) {
    return method.calibration(
        CalibrationOptions.source(text.file), calibration, text.samples, text.window);
  }

  private EvaluationSuite.Result measure(Path folder) throws IOException {
    try (CausalLm lm = CausalLm.open(folder, memory)) {
      return suite.measure(lm, texts, PassListener.SILENT);
    }
  }

  private static @Nullable Long peak(RunCost cost) {
    return cost.peak().isPresent() ? cost.peak().getAsLong() : null;
  }

  private QualityRow row(
      QualityRow.Key key,
      String gradient,
      QualityRow.Cost cost,
      EvaluationSuite.Result result,
      @Nullable QualityRow dense) {
    Map<String, QualityRow.OfText> texts = new LinkedHashMap<>();
    for (int i = 0; i < suite.texts().size(); i++) {
      String name = EvaluationSuite.nameOf(suite.texts().get(i));
      texts.put(
          name, ofText(result.texts().get(i), dense == null ? null : dense.texts().get(name)));
    }
    Map<String, QualityRow.OfTask> tasks = new LinkedHashMap<>();
    result.tasks().forEach(task -> tasks.put(task.task(), ofTask(task)));
    return new QualityRow(
        settings,
        key.method(),
        key.ratio(),
        key.groups(),
        gradient,
        result.parameters(),
        result.bytes(),
        cost,
        texts,
        tasks);
  }

  private static QualityRow.OfText ofText(Perplexity text, QualityRow.@Nullable OfText dense) {
    double[] windows = text.windowNegativeLogLikelihoods().toArray();
    if (dense == null) {
      return new QualityRow.OfText(finite(text.perplexity()), null, null, windows);
    }
    Perplexity.LogRatio ratio =
        text.logRatio(
            new Perplexity(
                text.source(), text.window(), ImmutableDoubleArray.copyOf(dense.windowNll())));
    return new QualityRow.OfText(
        finite(text.perplexity()), finite(ratio.mean()), finite(ratio.standardError()), windows);
  }

  private static @Nullable Double finite(double value) {
    return Double.isFinite(value) ? value : null;
  }

  private static QualityRow.OfTask ofTask(MultipleChoice task) {
    double accuracy = task.accuracy();
    double normalised = task.accuracyNormalised();
    return new QualityRow.OfTask(
        task.items().size(),
        accuracy,
        task.standardError(accuracy),
        normalised,
        task.standardError(normalised));
  }

  /** Every method at every ratio of every kind of groups, in this order. */
  static ImmutableList<Cell> cells(
      List<PruningMethod> methods, List<Double> ratios, List<PrunedGroups> groups) {
    ImmutableList.Builder<Cell> cells = ImmutableList.builder();
    for (PrunedGroups kinds : groups) {
      for (double ratio : ratios) {
        methods.forEach(method -> cells.add(new Cell(method, ratio, kinds)));
      }
    }
    return cells.build();
  }
}
