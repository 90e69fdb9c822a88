package org.minillm.core.evaluation;

import static com.google.common.base.Preconditions.checkArgument;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;
import com.google.common.primitives.Ints;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.IntConsumer;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.InputTap;
import org.minillm.core.model.LanguageHead;
import org.minillm.core.model.Sweep;
import org.minillm.core.model.WeightTransform;

/**
 * Greedy generation: the most likely token each time. Every token runs the whole sequence again.
 */
public final class Generation {

  private Generation() {}

  /**
   * Continues a prompt.
   *
   * @param model the model; read only
   * @param prompt at least one token id
   * @param maxNewTokens stops after that many
   * @param stopTokens stops after one of these, which is part of the result
   * @param onToken shown every new token as it comes
   * @return the new tokens
   * @throws IOException if the checkpoint cannot be read
   */
  public static int[] greedy(
      CausalLm model, int[] prompt, int maxNewTokens, Set<Integer> stopTokens, IntConsumer onToken)
      throws IOException {
    checkArgument(prompt.length > 0, "the prompt has no token: expected at least one");
    checkArgument(maxNewTokens > 0, "max new tokens %s: expected at least 1", maxNewTokens);
    List<Integer> sequence = new ArrayList<>(Ints.asList(prompt));
    while (sequence.size() < prompt.length + maxNewTokens) {
      int next = mostLikelyNext(model, Ints.toArray(sequence));
      sequence.add(next);
      onToken.accept(next);
      if (stopTokens.contains(next)) {
        break;
      }
    }
    return Ints.toArray(sequence.subList(prompt.length, sequence.size()));
  }

  private static int mostLikelyNext(CausalLm model, int[] sequence) throws IOException {
    try (Sweep sweep = new Sweep(model);
        NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      Sweep.Strand strand = sweep.add(List.of(sequence), WeightTransform.NONE, InputTap.NONE);
      sweep.run(layer -> {});
      NDArray last = sweep.normed(strand).get(0).get(":, -1");
      Best best = new Best();
      new LanguageHead(model)
          .logits(last, (logits, firstId) -> best.consider(logits.toFloatArray(), firstId));
      return best.id;
    }
  }

  /** The largest logit so far; of equal ones the lower id. */
  private static final class Best {
    private int id;
    private float logit = Float.NEGATIVE_INFINITY;

    void consider(float[] logits, int firstId) {
      for (int i = 0; i < logits.length; i++) {
        if (logits[i] > logit) {
          logit = logits[i];
          id = firstId + i;
        }
      }
    }
  }
}
