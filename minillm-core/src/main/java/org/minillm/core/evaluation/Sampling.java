package org.minillm.core.evaluation;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.minillm.core.tensor.CounterRng;

/**
 * How the next token is chosen from its logits. The same seed gives the same text.
 *
 * @param temperature 0 takes the most likely token; else logits are divided by it
 * @param topK only the k most likely tokens are drawn from; 0 for all
 * @param topP only the most likely tokens that together have this probability are drawn from
 *     (nucleus sampling, Holtzman et al., arXiv 1904.09751); 1 for all
 * @param seed of the draws
 */
public record Sampling(double temperature, int topK, double topP, long seed) {

  /** The most likely token each time; of equally likely ones the lowest id. */
  public static final Sampling GREEDY = new Sampling(0, 0, 1, 0);

  // Checks the ranges.
  public Sampling {
    checkArgument(temperature >= 0, "temperature %s: expected 0 or more", temperature);
    checkArgument(topK >= 0, "top-k %s: expected 0 (all) or more", topK);
    checkArgument(topP > 0 && topP <= 1, "top-p %s: expected above 0, at most 1", topP);
  }

  /** Chooses a token for one step of one sequence. */
  int choose(float[] logits, int sequence, int step) {
    if (temperature == 0) {
      return mostLikely(logits);
    }
    int[] ids = candidates(logits);
    double[] weights = new double[ids.length];
    double total = 0;
    for (int i = 0; i < ids.length; i++) {
      weights[i] = Math.exp((logits[ids[i]] - logits[ids[0]]) / temperature);
      total += weights[i];
    }
    int nucleus = nucleus(weights, total);
    double mass = Arrays.stream(weights, 0, nucleus).sum();
    double draw = CounterRng.uniform(seed, sequence, step) * mass;
    for (int i = 0; i < nucleus - 1; i++) {
      draw -= weights[i];
      if (draw < 0) {
        return ids[i];
      }
    }
    return ids[nucleus - 1];
  }

  /** Token ids from the most likely down, at most k of them. */
  private int[] candidates(float[] logits) {
    int limit = topK == 0 ? logits.length : Math.min(topK, logits.length);
    return IntStream.range(0, logits.length)
        .boxed()
        .sorted(Comparator.comparingDouble((Integer id) -> logits[id]).reversed())
        .limit(limit)
        .mapToInt(Integer::intValue)
        .toArray();
  }

  private int nucleus(double[] weights, double total) {
    double sum = 0;
    for (int i = 0; i < weights.length; i++) {
      sum += weights[i];
      if (sum >= topP * total) {
        return i + 1;
      }
    }
    return weights.length;
  }

  private static int mostLikely(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      if (logits[i] > logits[best]) {
        best = i;
      }
    }
    return best;
  }
}
