package org.minillm.core.evaluation;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.PassListener;

/**
 * How far a model continues prompts as a reference does, the dense model that it was pruned from.
 * The reference's continuation of a prompt p is r, greedy: r[t] is its most likely token after p
 * and r[0], …, r[t - 1], of equally likely ones the lowest id.
 *
 * <p>Two things are compared with r. <em>Teacher-forced</em>: the tokens that the model finds most
 * likely after p and r[0], …, r[t - 1], so that one different token does not spoil those after it.
 * <em>Free-running</em>: the model's own greedy continuation, which it feeds on.
 *
 * @param prompts one result a prompt, in order
 */
public record ContinuationAgreement(ImmutableList<OfPrompt> prompts) {

  // Refuses nulls.
  public ContinuationAgreement {
    requireNonNull(prompts, "prompts");
  }

  /**
   * The agreement on one prompt.
   *
   * @param tokens length of the reference's continuation
   * @param agreeing at how many of its positions the model, teacher-forced, chooses its token
   * @param commonPrefix how many tokens the model's own continuation begins with that are the
   *     reference's
   * @param exact whether the two continuations are the same to the end
   */
  public record OfPrompt(int tokens, int agreeing, int commonPrefix, boolean exact) {

    /** Compares what was chosen, teacher-forced and free-running, with the reference. */
    static OfPrompt of(int[] reference, int[] forced, int[] own) {
      int agreeing = 0;
      for (int t = 0; t < reference.length; t++) {
        agreeing += forced[t] == reference[t] ? 1 : 0;
      }
      int differs = Arrays.mismatch(reference, own);
      return new OfPrompt(
          reference.length, agreeing, differs < 0 ? reference.length : differs, differs < 0);
    }
  }

  /**
   * Measures a model.
   *
   * @param model the model; read only
   * @param prompts token ids, at least one each
   * @param references the reference's greedy continuation of each prompt, at least one token each
   * @param own the model's own greedy continuation of each prompt, under the same limits
   * @param listener told of the progress, a step a prompt
   * @return the agreement
   * @throws IOException if the checkpoint cannot be read
   */
  public static ContinuationAgreement measure(
      CausalLm model,
      List<int[]> prompts,
      List<int[]> references,
      List<int[]> own,
      PassListener listener)
      throws IOException {
    requireNonNull(model, "model");
    requireNonNull(prompts, "prompts");
    requireNonNull(references, "references");
    requireNonNull(own, "own");
    requireNonNull(listener, "listener");
    checkArgument(
        prompts.size() == references.size() && prompts.size() == own.size() && !prompts.isEmpty(),
        "%s prompts, %s references and %s continuations, expected as many of each, at least one",
        prompts.size(),
        references.size(),
        own.size());
    List<Continuation> requests = new ArrayList<>();
    for (int i = 0; i < prompts.size(); i++) {
      requests.add(new Continuation(prompts.get(i), references.get(i)));
    }
    listener.passStarted("agreement", requests.size());
    List<int[]> forced = ContinuationScores.mostLikely(model, requests, listener);
    listener.passDone();
    ImmutableList.Builder<OfPrompt> compared = ImmutableList.builder();
    for (int i = 0; i < prompts.size(); i++) {
      compared.add(OfPrompt.of(references.get(i), forced.get(i), own.get(i)));
    }
    return new ContinuationAgreement(compared.build());
  }

  /**
   * Forecasts what {@link #measure} needs in memory; it reserves it.
   *
   * @param model the model
   * @param prompts token ids, at least one each
   * @param maxNewTokens tokens of a reference's continuation at most
   * @return the forecast of the model, with the hidden states of a pass
   */
  public static MemoryForecast memoryForecast(
      CausalLm model, List<int[]> prompts, int maxNewTokens) {
    requireNonNull(model, "model");
    requireNonNull(prompts, "prompts");
    // the last token of a continuation is not read
    long longest =
        maxNewTokens - 1L + prompts.stream().mapToLong(ids -> ids.length).max().orElse(1);
    return ContinuationScores.memoryForecast(model, longest, prompts.size() * longest);
  }

  /**
   * Returns the token-level agreement.
   *
   * @return of all tokens of all references the share that the model chooses, teacher-forced;
   *     between 0 and 1
   */
  public double tokenAgreement() {
    return (double) prompts.stream().mapToInt(OfPrompt::agreeing).sum()
        / prompts.stream().mapToInt(OfPrompt::tokens).sum();
  }

  /**
   * Returns how often the whole continuation is the reference's.
   *
   * @return the share of the prompts, between 0 and 1
   */
  public double exactMatches() {
    return mean(prompt -> prompt.exact() ? 1 : 0);
  }

  /**
   * Returns how long the model's own continuation goes along with the reference's.
   *
   * @return the mean over the prompts, in tokens
   */
  public double meanCommonPrefix() {
    return mean(OfPrompt::commonPrefix);
  }

  private double mean(ToDoubleFunction<OfPrompt> value) {
    return prompts.stream().mapToDouble(value).average().orElseThrow();
  }
}
