package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.primitives.Ints;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.evaluation.ContinuationAgreement;
import org.minillm.core.evaluation.ContinuationAgreement.OfPrompt;
import org.minillm.core.evaluation.Generation;
import org.minillm.core.evaluation.Sampling;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.PassListener;

/** Agreement of continuations, on a trained model. */
class ContinuationAgreementTest {

  private static final int NEW_TOKENS = 12;

  /** Prompts of different lengths, so that some are padded. */
  private static final List<int[]> PROMPTS =
      List.of(new int[] {100, 200, 300}, new int[] {400, 500, 600, 700, 800});

  @TempDir static Path temp;

  private static CausalLm model() throws IOException {
    return CausalLm.open(TestModels.folder("tiny-llama", temp));
  }

  private static List<int[]> greedy(CausalLm model, List<int[]> prompts, int tokens)
      throws IOException {
    return new Generation(model, Sampling.GREEDY, tokens, Set.of())
        .run(prompts, Generation.TokenListener.NONE);
  }

  @Test
  void modelAgreesWithItselfToTheLastToken() throws IOException {
    try (CausalLm model = model()) {
      // GIVEN its own greedy continuations
      List<int[]> own = greedy(model, PROMPTS, NEW_TOKENS);

      // WHEN
      ContinuationAgreement agreement =
          ContinuationAgreement.measure(model, PROMPTS, own, own, PassListener.SILENT);

      // THEN
      assertThat(agreement.prompts())
          .containsOnly(new OfPrompt(NEW_TOKENS, NEW_TOKENS, NEW_TOKENS, true));
    }
  }

  @Test
  void everyPositionIsJudgedGivenTheReferenceBeforeIt() throws IOException {
    try (CausalLm model = model()) {
      // GIVEN a reference that the model would not have written
      int[] reference = {7, 900, 900, 31, 1200, 5};
      int[] prompt = PROMPTS.get(0);
      int[] own = greedy(model, List.of(prompt), reference.length).get(0);

      // WHEN
      ContinuationAgreement agreement =
          ContinuationAgreement.measure(
              model, List.of(prompt), List.of(reference), List.of(own), PassListener.SILENT);

      // THEN it is what a greedy step after each prefix of the reference gives
      int agreeing = 0;
      for (int t = 0; t < reference.length; t++) {
        int[] read = Ints.concat(prompt, IntStream.of(reference).limit(t).toArray());
        agreeing += greedy(model, List.of(read), 1).get(0)[0] == reference[t] ? 1 : 0;
      }
      assertThat(agreement.prompts().get(0).agreeing()).isEqualTo(agreeing);
      assertThat(agreement.prompts().get(0).exact()).isFalse();
    }
  }
}
