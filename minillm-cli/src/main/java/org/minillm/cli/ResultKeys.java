package org.minillm.cli;

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
        .put(key + "_acc", accuracy)
        .put(key + "_acc_stderr", measured.standardError(accuracy))
        .put(key + "_acc_norm", normalised)
        .put(key + "_acc_norm_stderr", measured.standardError(normalised));
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
