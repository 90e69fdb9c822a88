package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.evaluation.MultipleChoice;
import org.minillm.core.evaluation.TaskItem;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.ResidualStream;
import org.minillm.core.runtime.Tokenizer;

/** A context that is read once for all choices changes nothing. */
class SharedContextTest {

  /** Relative; float32 sums of the same numbers in batches of another shape. */
  private static final double SAME_SCORE = 1e-5;

  @TempDir static Path temp;

  /** The sum of -log P of all tokens but the first. */
  private static double loss(CausalLm model, int[] tokens) throws IOException {
    if (tokens.length < 2) {
      return 0;
    }
    try (ForwardPass pass = new ForwardPass(model)) {
      ResidualStream stream = pass.add(List.of(tokens), WeightTransform.NONE, BlockTap.NONE);
      pass.run();
      return pass.windowLosses(List.of(stream)).get(0)[0] * (tokens.length - 1);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-llama", "tiny-opt", "tiny-bloom"})
  void scoreOfAChoiceIsThatOfAPassOfItsOwn(String name) throws IOException {
    // GIVEN questions with choices of one and of many tokens, two of one length
    ImmutableList<TaskItem> items =
        ImmutableList.of(
            item("The capital of France is", " Paris", " a very small fish in the sea", " on"),
            item("The history of France is", " long and old", " short"),
            item("He went to the city because", " it was near the river", " he had to go there"));
    try (CausalLm model = CausalLm.open(TestModels.folder(name, temp));
        Tokenizer tokenizer = model.tokenizer()) {
      // WHEN
      MultipleChoice measured =
          MultipleChoice.measure(model, tokenizer, "questions", items, PassListener.SILENT);

      // THEN
      for (int i = 0; i < items.size(); i++) {
        for (int c = 0; c < items.get(i).contexts().size(); c++) {
          String context = items.get(i).contexts().get(c);
          double alone =
              loss(model, tokenizer.encode(context))
                  - loss(model, tokenizer.encode(context + items.get(i).continuations().get(c)));
          assertThat(measured.items().get(i).logLikelihoods().get(c))
              .as("question %d, choice %d", i, c)
              .isCloseTo(alone, within(Math.abs(alone) * SAME_SCORE));
        }
      }
    }
  }

  private static TaskItem item(String context, String... choices) {
    return new TaskItem(
        ImmutableList.copyOf(Collections.nCopies(choices.length, context)),
        ImmutableList.copyOf(choices),
        0);
  }
}
