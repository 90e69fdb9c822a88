package org.minillm.cli;

import com.google.common.hash.HashCode;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.minillm.core.evaluation.ContinuationAgreement;
import org.minillm.core.evaluation.EvaluationSuite;
import org.minillm.core.evaluation.MultipleChoice;
import org.minillm.core.evaluation.Perplexity;

/** The measures of several models, a column each; the first is what the others are held against. */
final class ModelComparison {

  private final List<Column> columns = new ArrayList<>();

  /**
   * What all models read.
   *
   * @param texts the first windows of each
   * @param prompts to be continued
   * @param tokenizer SHA-256 of the tokenizer.json that made them
   */
  record Tokens(List<int[]> texts, List<int[]> prompts, HashCode tokenizer) {

    /** Tells whether another tokenizer made the same of the same texts. */
    boolean areThoseOf(Tokens other) {
      return same(texts, other.texts) && same(prompts, other.prompts);
    }

    private static boolean same(List<int[]> some, List<int[]> others) {
      return Arrays.deepEquals(some.toArray(), others.toArray());
    }
  }

  /**
   * What one model reached.
   *
   * @param folder the model
   * @param vocabulary the size of its vocabulary
   * @param tokens what it read
   * @param result on texts and tasks
   * @param continued its continuations; null where there are no prompts
   */
  record Column(
      Path folder,
      int vocabulary,
      Tokens tokens,
      EvaluationSuite.Result result,
      @Nullable Continued continued) {}

  /** The continuations of one model, and how far they are those of the first. */
  record Continued(Continuations own, ContinuationAgreement agreement) {}

  void add(Column column) {
    columns.add(column);
  }

  void print(PrintWriter out) {
    TextTable table = new TextTable(Stream.concat(Stream.of(""), labels()).toArray(String[]::new));
    row(table, "parameters", column -> CutSummary.grouped(column.result.parameters()));
    row(table, "bytes", column -> CutSummary.grouped(column.result.bytes()));
    List<Perplexity> texts = columns.get(0).result.texts();
    for (int i = 0; i < texts.size(); i++) {
      addText(table, i, EvaluationSuite.nameOf(Path.of(texts.get(i).source())));
    }
    List<MultipleChoice> tasks = columns.get(0).result.tasks();
    for (int i = 0; i < tasks.size(); i++) {
      addTask(table, i, tasks.get(i).task());
    }
    if (columns.get(0).continued != null) {
      addContinuations(table);
    }
    table.print(out);
    columns.forEach(
        column -> ResultKeys.printCut(out, column.folder.toString(), column.result.tasks()));
  }

  /** Folder names where they tell the models apart, else whole paths. */
  private Stream<String> labels() {
    List<String> names =
        columns.stream()
            .map(column -> column.folder.toAbsolutePath().normalize().getFileName())
            .map(String::valueOf)
            .toList();
    return names.stream().distinct().count() == names.size()
        ? names.stream()
        : columns.stream().map(column -> column.folder.toString());
  }

  private void row(TextTable table, String measure, Function<Column, String> cell) {
    table.row(Stream.concat(Stream.of(measure), columns.stream().map(cell)).toArray(String[]::new));
  }

  private void addText(TextTable table, int i, String name) {
    row(
        table,
        name + " perplexity",
        column -> String.format(Locale.ROOT, "%.3f", column.result.texts().get(i).perplexity()));
    row(
        table,
        name + " ln ratio",
        column -> {
          if (column == columns.get(0)) {
            return "";
          }
          Perplexity.LogRatio ratio = logRatio(column, i);
          return ResultKeys.withError(
              String.format(Locale.ROOT, "%+.4f", ratio.mean()), ratio.standardError());
        });
  }

  private Perplexity.LogRatio logRatio(Column column, int text) {
    return column.result.texts().get(text).logRatio(columns.get(0).result.texts().get(text));
  }

  private void addTask(TextTable table, int i, String name) {
    accuracyRow(table, name + " acc", i, MultipleChoice::accuracy);
    accuracyRow(table, name + " acc_norm", i, MultipleChoice::accuracyNormalised);
  }

  private void accuracyRow(
      TextTable table, String measure, int i, ToDoubleFunction<MultipleChoice> accuracy) {
    row(
        table,
        measure,
        column -> {
          MultipleChoice task = column.result.tasks().get(i);
          double value = accuracy.applyAsDouble(task);
          return ResultKeys.withError(ResultKeys.share(value), task.standardError(value));
        });
  }

  private void addContinuations(TextTable table) {
    continuedRow(table, "token agreement", "%.4f", it -> it.agreement.tokenAgreement());
    continuedRow(table, "exact matches", "%.4f", it -> it.agreement.exactMatches());
    continuedRow(table, "common prefix, tokens", "%.1f", it -> it.agreement.meanCommonPrefix());
    continuedRow(table, "tokens a second", "%.1f", it -> it.own.perSecond());
  }

  private void continuedRow(
      TextTable table, String measure, String format, ToDoubleFunction<Continued> value) {
    row(
        table,
        measure,
        column ->
            column.continued == null
                ? ""
                : String.format(Locale.ROOT, format, value.applyAsDouble(column.continued)));
  }

  /** The keys begin with {@code dense_}, {@code pruned_1_}, {@code pruned_2_}, …. */
  JsonReport addTo(JsonReport report) {
    for (int i = 0; i < columns.size(); i++) {
      addTo(report, i == 0 ? "dense_" : "pruned_" + i + "_", columns.get(i));
    }
    return report;
  }

  private void addTo(JsonReport report, String prefix, Column column) {
    report
        .put(prefix + "model", column.folder.toString())
        .put(prefix + "parameters", column.result.parameters())
        .put(prefix + "bytes", column.result.bytes());
    for (int i = 0; i < column.result.texts().size(); i++) {
      Perplexity text = column.result.texts().get(i);
      String key = prefix + EvaluationSuite.nameOf(Path.of(text.source())) + "_";
      ResultKeys.put(report, key, text);
      if (column != columns.get(0)) {
        report
            .put(key + "log_ratio", logRatio(column, i).mean())
            .put(key + "log_ratio_stderr", logRatio(column, i).standardError());
      }
    }
    column.result.tasks().forEach(task -> ResultKeys.put(report, prefix, task));
    if (column.continued != null) {
      ContinuationAgreement agreement = column.continued.agreement;
      report
          .put(prefix + "token_agreement", agreement.tokenAgreement())
          .put(prefix + "exact_matches", agreement.exactMatches())
          .put(prefix + "common_prefix", agreement.meanCommonPrefix())
          .put(prefix + "tokens_per_second", column.continued.own.perSecond());
    }
  }
}
