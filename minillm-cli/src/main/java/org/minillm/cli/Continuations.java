package org.minillm.cli;

import com.google.common.base.Stopwatch;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import org.minillm.core.evaluation.Generation;
import org.minillm.core.evaluation.Sampling;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.MemoryForecast;

/**
 * The continuations of some prompts, and how fast they came.
 *
 * @param tokens the new tokens of each prompt
 * @param perSecond all new tokens divided by the seconds of reading the prompts and adding them
 */
record Continuations(List<int[]> tokens, double perSecond) {

  /** Enough to read every layer and to let the JVM compile what a token takes. */
  private static final int WARM_UP_TOKENS = 8;

  private static final double NANOS_PER_SECOND = 1e9;

  /** Continues prompts greedily, after a run that is not timed, so that models compare. */
  static Continuations greedy(CausalLm model, List<int[]> prompts, int maxNewTokens)
      throws IOException {
    new Generation(model, Sampling.GREEDY, WARM_UP_TOKENS, Set.of())
        .run(prompts.subList(0, 1), Generation.TokenListener.NONE);
    return of(
        new Generation(model, Sampling.GREEDY, maxNewTokens, model.endTokens()),
        prompts,
        Generation.TokenListener.NONE);
  }

  /** Forecasts what {@link #greedy} needs in memory. */
  static MemoryForecast memoryForecast(CausalLm model, List<int[]> prompts, int maxNewTokens) {
    return new Generation(model, Sampling.GREEDY, Math.max(WARM_UP_TOKENS, maxNewTokens), Set.of())
        .memoryForecast(prompts);
  }

  static Continuations of(
      Generation generation, List<int[]> prompts, Generation.TokenListener listener)
      throws IOException {
    Stopwatch stopwatch = Stopwatch.createStarted();
    List<int[]> tokens = generation.run(prompts, listener);
    int added = tokens.stream().mapToInt(ids -> ids.length).sum();
    return new Continuations(tokens, added * NANOS_PER_SECOND / stopwatch.elapsed().toNanos());
  }
}
