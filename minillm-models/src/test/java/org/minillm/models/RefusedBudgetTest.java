package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.cut.CheckpointCutter;
import org.minillm.core.evaluation.ContinuationAgreement;
import org.minillm.core.evaluation.Generation;
import org.minillm.core.evaluation.LogitsFile;
import org.minillm.core.evaluation.MultipleChoice;
import org.minillm.core.evaluation.Perplexity;
import org.minillm.core.evaluation.Sampling;
import org.minillm.core.evaluation.TaskItem;
import org.minillm.core.plan.ModelFingerprint;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.MemoryBudget;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.runtime.Tokenizer;
import org.minillm.criteria.Magnitude;

/** A memory budget that cannot be kept is refused before any work, with one that can. */
class RefusedBudgetTest {

  @TempDir Path temp;
  private Path folder;

  @BeforeEach
  void extract() throws IOException {
    folder = TestModels.folder("tiny-llama", temp);
  }

  /** Work on an open model. */
  private interface Work {
    void on(CausalLm model) throws IOException;
  }

  /** Refused with a mebibyte less than the message asks for, and done with what it asks for. */
  private void requireRefused(Work work) throws IOException {
    String refusal = refusal(new MemoryBudget(1 << 20), work);
    assertThat(refusal)
        .startsWith("memory budget 1.0 MiB: this work on " + folder + " takes about ");
    Matcher asked = Pattern.compile("with a budget of ([0-9]+)m or more").matcher(refusal);
    assertThat(asked.find()).isTrue();
    long enough = Long.parseLong(asked.group(1));
    assertThat(refusal(new MemoryBudget((enough - 1) << 20), work)).contains(asked.group());
    try (CausalLm model = CausalLm.open(folder, new MemoryBudget(enough << 20))) {
      work.on(model);
    }
  }

  private String refusal(MemoryBudget budget, Work work) throws IOException {
    try (CausalLm model = CausalLm.open(folder, budget)) {
      Throwable refusal = catchThrowable(() -> work.on(model));
      assertThat(refusal).isInstanceOf(IllegalArgumentException.class);
      return refusal.getMessage();
    }
  }

  private static int[] ids(int length) {
    return IntStream.range(0, length).map(i -> i * 31 % 4096).toArray();
  }

  @Test
  void perplexity() throws IOException {
    requireRefused(
        model -> Perplexity.measure(model, "ids", ids(600), 300, 2, PassListener.SILENT));
  }

  @Test
  void multipleChoice() throws IOException {
    List<TaskItem> items =
        List.of(
            new TaskItem(
                ImmutableList.of("The sky is", "The sky is"),
                ImmutableList.of(" blue", " green"),
                0));
    try (CausalLm opened = CausalLm.open(folder);
        Tokenizer tokenizer = opened.tokenizer()) {
      requireRefused(
          model -> MultipleChoice.measure(model, tokenizer, "sky", items, PassListener.SILENT));
    }
  }

  @Test
  void agreementOfContinuations() throws IOException {
    List<int[]> prompts = List.of(ids(3));
    List<int[]> reference = List.of(ids(4));
    requireRefused(
        model ->
            ContinuationAgreement.measure(
                model, prompts, reference, reference, PassListener.SILENT));
  }

  @Test
  void generation() throws IOException {
    requireRefused(
        model -> generation(model).run(List.of(ids(5), ids(500)), Generation.TokenListener.NONE));
  }

  private static Generation generation(CausalLm model) {
    return new Generation(model, Sampling.GREEDY, 2, Set.of());
  }

  @Test
  void logits() throws IOException {
    List<int[]> rows = List.of(ids(5), ids(5));
    Path file = temp.resolve("logits.safetensors");
    requireRefused(
        model -> {
          assertThat(file).doesNotExist();
          LogitsFile.write(model, rows, file, false, PassListener.SILENT);
        });
  }

  @Test
  void pruning() throws IOException {
    StructuredPruner pruner =
        StructuredPruner.builder(new Magnitude(), PruningTarget.of(0.2, GroupKind.MLP_CHANNELS))
            .build();
    requireRefused(model -> pruner.plan(model, null));
  }

  @Test
  void aCutTakesTheProcessAlone() throws IOException {
    Path target = temp.resolve("cut");
    requireRefused(
        model ->
            new CheckpointCutter(
                    new PassRunner(model),
                    new PruningPlan(ModelFingerprint.of(model), Map.of(), Map.of()))
                .write(target, false));
  }

  @Test
  void tokenisingALargeText() throws IOException {
    // GIVEN a megabyte, of which a byte takes 190, and a process of 350 MiB that does not yet have
    // the 150 MB of its engine
    Path text = Files.writeString(temp.resolve("large.txt"), "a ".repeat(500_000));
    try (CausalLm model = CausalLm.open(folder, new MemoryBudget(388L << 20));
        Tokenizer tokenizer = model.tokenizer()) {
      assertThatThrownBy(() -> tokenizer.encodeFile(text))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "memory budget 388.0 MiB: to tokenise "
                  + text
                  + " takes about 407 MB; give a budget of 389m or more, or a shorter text");
    }
    try (CausalLm model = CausalLm.open(folder, new MemoryBudget(389L << 20));
        Tokenizer tokenizer = model.tokenizer()) {
      assertThat(tokenizer.encodeFile(text)).isNotEmpty();
    }
  }

  @Test
  void windowsOfAMillionTokensAreForecastAndRefused() throws IOException {
    try (CausalLm model = CausalLm.open(folder, new MemoryBudget(8L << 30))) {
      for (int window : new int[] {30_000, 1_000_000, Integer.MAX_VALUE}) {
        // more than the activations of 11 arrays of hidden_size 192 and 512 channels
        assertThat(model.memoryForecast(window).smallestBudget())
            .isGreaterThan(11L * window * (192 + 512) * Float.BYTES);
      }
      assertThatThrownBy(
              () ->
                  Perplexity.measure(
                      model, "ids", ids(1_000_000), 1_000_000, 1, PassListener.SILENT))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("memory budget 8.0 GiB");
    }
  }
}
