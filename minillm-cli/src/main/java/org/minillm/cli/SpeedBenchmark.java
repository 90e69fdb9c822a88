package org.minillm.cli;

import com.google.common.base.Stopwatch;
import com.google.common.math.Stats;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.evaluation.Generation;
import org.minillm.core.evaluation.Sampling;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.TokenReader;

/**
 * How fast a model reads and writes, round by round, so that models can take turns: what slows the
 * machine down then slows all of them.
 */
final class SpeedBenchmark {

  private static final int WINDOWS = 8;
  private static final int WINDOW = 128;
  private static final int PROMPT = 16;
  private static final int NEW_TOKENS = 48;
  private static final double NANOS_PER_SECOND = 1e9;

  private final CausalLm model;
  private final List<Double> prompt = new ArrayList<>();
  private final List<Double> generation = new ArrayList<>();

  private SpeedBenchmark(CausalLm model) {
    this.model = model;
  }

  /**
   * Measures models that take turns, after each has run once without notes: layers are read and
   * code is compiled.
   */
  static List<SpeedBenchmark> inTurns(List<CausalLm> models, int rounds, CliProgress progress)
      throws IOException {
    List<SpeedBenchmark> benchmarks = models.stream().map(SpeedBenchmark::new).toList();
    progress.passStarted("speed", (rounds + 1L) * benchmarks.size());
    for (SpeedBenchmark benchmark : benchmarks) {
      benchmark.readsPerSecond();
      benchmark.writesPerSecond();
      progress.stepDone();
    }
    for (int round = 0; round < rounds; round++) {
      for (SpeedBenchmark benchmark : benchmarks) {
        benchmark.round();
        progress.stepDone();
      }
    }
    progress.passDone();
    return benchmarks;
  }

  /** Forecasts the steps of a round; each reserves its own. */
  static MemoryForecast memoryForecast(CausalLm model) {
    MemoryForecast writing = TokenReader.memoryForecast(model, 1, PROMPT, PROMPT + NEW_TOKENS + 1L);
    MemoryForecast reading = readingForecast(model);
    // what both keep in memory, and the larger of what they need besides
    return writing
        .plus(Math.max(0, reading.smallestBudget() - writing.smallestBudget()))
        .withStreams(reading.streamBytes());
  }

  private static MemoryForecast readingForecast(CausalLm model) {
    return model
        .memoryForecast(WINDOW)
        .withStreams((long) WINDOWS * WINDOW * model.config().hiddenSize() * Float.BYTES);
  }

  private void round() throws IOException {
    prompt.add(readsPerSecond());
    generation.add(writesPerSecond());
  }

  /**
   * Tokens a second of one batch of 8 windows of 128 through all layers; the mean of the rounds.
   */
  double promptTokensPerSecond() {
    return Stats.meanOf(prompt);
  }

  /** Tokens a second of one text of 48 new tokens after the first; the mean of the rounds. */
  double generatedTokensPerSecond() {
    return Stats.meanOf(generation);
  }

  private double readsPerSecond() throws IOException {
    model.reserve(readingForecast(model));
    try (ForwardPass pass = new ForwardPass(model)) {
      pass.add(
          IntStream.range(0, WINDOWS).mapToObj(this::text).toList(),
          WeightTransform.NONE,
          BlockTap.NONE);
      Stopwatch stopwatch = Stopwatch.createStarted();
      pass.run();
      return WINDOWS * WINDOW * NANOS_PER_SECOND / stopwatch.elapsed().toNanos();
    }
  }

  private double writesPerSecond() throws IOException {
    Stopwatch stopwatch = Stopwatch.createUnstarted();
    new Generation(model, Sampling.GREEDY, NEW_TOKENS + 1, Set.of())
        .run(
            List.of(Arrays.copyOf(text(0), PROMPT)),
            (number, token) -> {
              if (!stopwatch.isRunning()) {
                stopwatch.start();
              }
            });
    return NEW_TOKENS * NANOS_PER_SECOND / stopwatch.elapsed().toNanos();
  }

  /** Any tokens do: a model takes as long for all of them. */
  private int[] text(int number) {
    int vocabulary = model.config().vocabSize();
    return IntStream.range(0, WINDOW).map(i -> (number * WINDOW + i) * 31 % vocabulary).toArray();
  }
}
