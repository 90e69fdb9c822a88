package org.minillm.cli;

import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import org.minillm.core.evaluation.MultipleChoice;
import org.minillm.core.evaluation.Perplexity;

/** How the results of a suite are spelt, for scripts and for a person. */
final class ResultKeys {

  private ResultKeys() {}

  static void put(JsonReport report, String prefix, Perplexity measured) {
    report
        .put(prefix + "perplexity", measured.perplexity())
        .put(prefix + "mean_nll", measured.meanNegativeLogLikelihood())
        .put(prefix + "tokens", measured.tokens())
        .put(prefix + "predicted_tokens", measured.predictedTokens())
        .put(prefix + "windows", measured.windows())
        .put(prefix + "window", measured.window())
        .put(prefix + "stride", measured.window())
        .put(prefix + "special_tokens", false)
        .put(prefix + "source", measured.source());
  }

  static void put(JsonReport report, String prefix, MultipleChoice measured) {
    String key = prefix + measured.task();
    double accuracy = measured.accuracy();
    double normalised = measured.accuracyNormalised();
    report
        .put(key + "_items", measured.items().size())
        .put(key + "_cut_items", measured.cutItems())
        .put(key + "_acc", accuracy)
        .put(key + "_acc_stderr", measured.standardError(accuracy))
        .put(key + "_acc_norm", normalised)
        .put(key + "_acc_norm_stderr", measured.standardError(normalised));
  }

  /** Says of which tasks the model did not read all; nothing where it did. */
  static void printCut(PrintWriter out, String model, List<MultipleChoice> tasks) {
    for (MultipleChoice measured : tasks) {
      if (measured.cutItems() > 0) {
        out.printf(
            Locale.ROOT,
            "%s: %d of %d items are longer than the positions of %s; their contexts were cut from"
                + " the left%n",
            measured.task(),
            measured.cutItems(),
            measured.items().size(),
            model);
      }
    }
  }

  /** Four decimals: a standard error of an accuracy over 10,000 items is 0.005. */
  static String share(double value) {
    return String.format(Locale.ROOT, "%.4f", value);
  }

  /** A number and its standard error; the latter left out where it is undefined. */
  static String withError(String value, double standardError) {
    return Double.isNaN(standardError) ? value : value + " ±" + share(standardError);
  }
}
