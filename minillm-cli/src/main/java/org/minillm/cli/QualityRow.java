package org.minillm.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One line of the quality benchmark: what one method left, at one ratio and of some groups.
 *
 * @param settings hash of everything else that the figures depend on
 * @param method as it was written; {@value #DENSE} for the model itself
 * @param ratio pruning ratio of the groups
 * @param groups what was pruned
 * @param gradient name of the estimate that was made, or {@code none}
 * @param parameters that are left
 * @param bytes of the weight files that are left
 * @param cost of making and measuring it
 * @param texts results by the text's name
 * @param tasks results by the task's name
 */
record QualityRow(
    String settings,
    String method,
    double ratio,
    String groups,
    String gradient,
    long parameters,
    long bytes,
    Cost cost,
    Map<String, OfText> texts,
    Map<String, OfTask> tasks) {

  static final String DENSE = "dense";

  /** What is measured; two rows of one key are the same, but for the cost. */
  record Key(String settings, String method, double ratio, String groups) {}

  /**
   * What a row took.
   *
   * @param planSeconds to measure importance and to decide
   * @param cutSeconds to write the smaller model
   * @param evaluateSeconds to open and measure it
   * @param peakRssBytes of the process during all three; null where the system does not tell
   * @param forwardPasses over the calibration set
   */
  record Cost(
      double planSeconds,
      double cutSeconds,
      double evaluateSeconds,
      @Nullable Long peakRssBytes,
      long forwardPasses) {

    double seconds() {
      return planSeconds + cutSeconds + evaluateSeconds;
    }
  }

  /**
   * On one text; null is for numbers that JSON cannot say.
   *
   * @param logRatio ln(perplexity / that of the dense model)
   * @param logRatioStderr its paired standard error over the windows
   * @param windowNll mean -log P of each window, to compare any two rows by window
   */
  record OfText(
      @Nullable Double perplexity,
      @Nullable Double logRatio,
      @Nullable Double logRatioStderr,
      double[] windowNll) {}

  /** On one task file. */
  record OfTask(int items, double acc, double accStderr, double accNorm, double accNormStderr) {}

  /** Tells whether a row that was read has all its parts. */
  boolean isWhole() {
    return Stream.of(settings, method, groups, gradient, cost, texts, tasks)
            .noneMatch(Objects::isNull)
        && texts.values().stream().noneMatch(text -> text == null || text.windowNll == null)
        && tasks.values().stream().noneMatch(Objects::isNull);
  }

  Key key() {
    return new Key(settings, method, ratio, groups);
  }

  /** Column to cell of a CSV file; a cell is empty where there is no number. */
  Map<String, String> columns() {
    Map<String, String> cells = new LinkedHashMap<>();
    cells.put("method", method);
    cells.put("gradient", gradient);
    cells.put("ratio", Double.toString(ratio));
    cells.put("groups", groups);
    cells.put("parameters", Long.toString(parameters));
    cells.put("bytes", Long.toString(bytes));
    texts.forEach(
        (name, text) -> {
          cells.put(name + "_perplexity", cell(text.perplexity));
          cells.put(name + "_log_ratio", cell(text.logRatio));
          cells.put(name + "_log_ratio_stderr", cell(text.logRatioStderr));
        });
    tasks.forEach(
        (name, task) -> {
          cells.put(name + "_acc", cell(task.acc));
          cells.put(name + "_acc_stderr", cell(task.accStderr));
          cells.put(name + "_acc_norm", cell(task.accNorm));
          cells.put(name + "_acc_norm_stderr", cell(task.accNormStderr));
        });
    cells.put("plan_seconds", cell(cost.planSeconds));
    cells.put("cut_seconds", cell(cost.cutSeconds));
    cells.put("evaluate_seconds", cell(cost.evaluateSeconds));
    cells.put("peak_rss_bytes", cell(cost.peakRssBytes));
    cells.put("forward_passes", Long.toString(cost.forwardPasses));
    return cells;
  }

  private static String cell(@Nullable Number number) {
    return number == null ? "" : number.toString();
  }
}
