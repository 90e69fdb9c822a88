package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.evaluation.Generation;
import org.minillm.core.evaluation.MultipleChoice;
import org.minillm.core.evaluation.Sampling;
import org.minillm.core.evaluation.TaskItem;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.Tokenizer;

/** A model of 512 learned positions and more tokens than that. */
class GenerationLimitsTest {

  private static final int POSITIONS = 512;

  @TempDir static Path temp;

  private static CausalLm model() throws IOException {
    return CausalLm.open(TestModels.folder("tiny-opt", temp));
  }

  private static List<int[]> generate(CausalLm model, int promptTokens, int maxNewTokens)
      throws IOException {
    return new Generation(model, Sampling.GREEDY, maxNewTokens, Set.of())
        .run(List.of(new int[promptTokens]), Generation.TokenListener.NONE);
  }

  @Test
  void aTextEndsWithTheTokenAfterTheLastPosition() throws IOException {
    try (CausalLm model = model()) {
      List<int[]> added = generate(model, POSITIONS - 3, Integer.MAX_VALUE);
      assertThat(added.get(0)).hasSize(4);
      assertThat(added.get(0)).startsWith(generate(model, POSITIONS - 3, 2).get(0));
    }
  }

  @Test
  void aPromptOfMoreTokensThanPositionsIsRefused() throws IOException {
    try (CausalLm model = model()) {
      assertThatThrownBy(() -> generate(model, POSITIONS + 1, 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "prompt 1 has 513 tokens, but the model has 512 positions"
                  + " (max_position_embeddings); use a shorter one");
    }
  }

  @Test
  void ofALongQuestionTheEndIsAskedAndTheResultSaysSo() throws IOException {
    // GIVEN a question with a beginning that does not fit, and its end alone
    String end = " the river was" + " long and".repeat(300);
    List<TaskItem> items =
        Stream.of("word".repeat(400) + end, "other".repeat(400) + end, "the river")
            .map(GenerationLimitsTest::item)
            .toList();

    // WHEN
    try (CausalLm model = model();
        Tokenizer tokenizer = model.tokenizer()) {
      MultipleChoice measured =
          MultipleChoice.measure(model, tokenizer, "long", items, PassListener.SILENT);

      // THEN what was cut makes no difference
      assertThat(measured.cutItems()).isEqualTo(2);
      assertThat(measured.items().get(0).logLikelihoods().toArray())
          .containsExactly(measured.items().get(1).logLikelihoods().toArray(), within(1e-5));
      assertThat(measured.items().get(2).isCut()).isFalse();
    }
  }

  private static TaskItem item(String context) {
    return new TaskItem(
        ImmutableList.of(context, context), ImmutableList.of(" and", " the water"), 0);
  }
}
