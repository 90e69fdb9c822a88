package org.minillm.core.evaluation;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.Lists;
import com.google.common.primitives.ImmutableDoubleArray;
import com.google.common.primitives.Ints;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.journal.Journal;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.LossPass;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.runtime.ResidualStream;

/**
 * Perplexity over consecutive windows that do not overlap: exp of the mean over the windows of the
 * mean -log P of the window - 1 predicted tokens. No special tokens are added. Perplexities compare
 * only where tokenizer, text, window and number of windows are the same, so they are part of the
 * result.
 *
 * @param source where the text came from
 * @param window tokens a window; the stride is the same
 * @param windowNegativeLogLikelihoods the mean -log P of each window, in nats, for paired
 *     comparisons
 */
public record Perplexity(
    String source, int window, ImmutableDoubleArray windowNegativeLogLikelihoods) {

  // Refuses nulls.
  public Perplexity {
    requireNonNull(source, "source");
    requireNonNull(windowNegativeLogLikelihoods, "windowNegativeLogLikelihoods");
  }

  /**
   * Measures a model.
   *
   * @param model the model; read only
   * @param source where the text came from, for the record and for messages
   * @param tokens the tokenised text
   * @param window tokens a window, at least 2
   * @param maxWindows at most that many windows from the start of the text
   * @param listener told of the progress
   * @return the measurement
   * @throws IOException if the checkpoint cannot be read
   * @throws IllegalArgumentException if the text does not fill one window, or the memory budget of
   *     the model cannot be kept
   */
  public static Perplexity measure(
      CausalLm model,
      String source,
      int[] tokens,
      int window,
      int maxWindows,
      PassListener listener)
      throws IOException {
    requireNonNull(model, "model");
    requireNonNull(source, "source");
    requireNonNull(tokens, "tokens");
    requireNonNull(listener, "listener");
    checkArgument(window > 1, "window %s: expected at least 2 tokens", window);
    checkArgument(maxWindows > 0, "max windows %s: expected at least 1", maxWindows);
    int count = Math.min(maxWindows, tokens.length / window);
    if (count == 0) {
      throw new IllegalArgumentException(
          source + ": " + tokens.length + " tokens, expected at least one window of " + window);
    }
    List<int[]> windows = new ArrayList<>();
    for (int w = 0; w < count; w++) {
      windows.add(Arrays.copyOfRange(tokens, w * window, (w + 1) * window));
    }
    return new Perplexity(source, window, measure(model, windows, listener));
  }

  /**
   * Forecasts what {@link #measure} needs in memory; it reserves it.
   *
   * @param model the model
   * @param window tokens a window, at least 2
   * @param maxWindows windows that are read at most
   * @return the forecast of the model, with the hidden states of a pass and what the language head
   *     reads of them
   */
  public static MemoryForecast memoryForecast(CausalLm model, int window, int maxWindows) {
    requireNonNull(model, "model");
    long tokens = (long) Math.min(maxWindows, windowsAtOnce(model, window)) * window;
    return model
        .memoryForecast(window)
        .withStreams(2 * tokens * model.config().hiddenSize() * Float.BYTES);
  }

  private static int windowsAtOnce(CausalLm model, int window) {
    return Ints.saturatedCast(Math.max(1, ForwardPass.tokensAtOnce(model) / window));
  }

  private static ImmutableDoubleArray measure(
      CausalLm model, List<int[]> windows, PassListener listener) throws IOException {
    int window = windows.get(0).length;
    model.reserve(memoryForecast(model, window, windows.size()));
    List<LossPass> passes = new ArrayList<>();
    for (List<int[]> together : Lists.partition(windows, windowsAtOnce(model, window))) {
      ForwardPass forward = new ForwardPass(model);
      ResidualStream stream = forward.add(together, WeightTransform.NONE, BlockTap.NONE);
      passes.add(new LossPass(forward, List.of(stream)));
    }
    new PassRunner(model, listener, Journal.NONE).run("perplexity", passes);
    ImmutableDoubleArray.Builder results = ImmutableDoubleArray.builder(windows.size());
    passes.forEach(pass -> results.addAll(pass.losses().get(0)));
    return results.build();
  }

  /**
   * Returns the mean -log P of a token.
   *
   * @return nats
   */
  public double meanNegativeLogLikelihood() {
    return windowNegativeLogLikelihoods.stream().average().orElseThrow();
  }

  /**
   * Returns the perplexity.
   *
   * @return exp of {@link #meanNegativeLogLikelihood()}
   */
  public double perplexity() {
    return Math.exp(meanNegativeLogLikelihood());
  }

  /**
   * Counts the windows.
   *
   * @return windows measured
   */
  public int windows() {
    return windowNegativeLogLikelihoods.length();
  }

  /**
   * Counts the tokens read.
   *
   * @return windows times window
   */
  public long tokens() {
    return (long) windows() * window;
  }

  /**
   * Counts the tokens predicted: all but the first of every window.
   *
   * @return windows times (window - 1)
   */
  public long predictedTokens() {
    return (long) windows() * (window - 1);
  }

  /**
   * How much two models differ on the same windows, taken window by window: what makes a window
   * hard makes it hard for both, so that the difference is far more certain than either perplexity.
   *
   * @param mean of ln(perplexity / perplexity of the reference)
   * @param standardError of the mean: the standard deviation (n - 1) of the differences of the
   *     windows, divided by sqrt(n); NaN where there is one window
   */
  public record LogRatio(double mean, double standardError) {}

  /**
   * Compares with another model.
   *
   * @param reference measured on the same windows
   * @return the paired difference; above 0 where the reference predicts better
   * @throws IllegalArgumentException if text, window or number of windows differ
   */
  public LogRatio logRatio(Perplexity reference) {
    checkArgument(
        source.equals(reference.source)
            && window == reference.window
            && windows() == reference.windows(),
        "%s windows of %s tokens of %s, the reference was measured on %s of %s of %s; measure both"
            + " on the same",
        windows(),
        window,
        source,
        reference.windows(),
        reference.window,
        reference.source);
    double[] differences = new double[windows()];
    Arrays.setAll(
        differences,
        w -> windowNegativeLogLikelihoods.get(w) - reference.windowNegativeLogLikelihoods.get(w));
    double mean = Arrays.stream(differences).average().orElseThrow();
    double squares = Arrays.stream(differences).map(d -> (d - mean) * (d - mean)).sum();
    int n = differences.length;
    return new LogRatio(mean, Math.sqrt(squares / (n - 1) / n));
  }
}
