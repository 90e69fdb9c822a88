package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableSet;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.checkpoint.MalformedCheckpointException;
import org.minillm.core.evaluation.ContinuationAgreement;
import org.minillm.core.evaluation.Generation;
import org.minillm.core.evaluation.LogitsFile;
import org.minillm.core.evaluation.Perplexity;
import org.minillm.core.evaluation.Sampling;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.evidence.GradientEstimator;
import org.minillm.core.plan.Allocation;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.restore.Restoration;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.tensor.NotFiniteException;

/** A weight that is not finite is named, whatever the model was to do. */
class NotFiniteWeightsTest {

  private static final String UP = "model.layers.1.mlp.up_proj.weight";
  private static final int[] TEXT = IntStream.range(0, 64).map(i -> i * 7 % 100).toArray();

  @TempDir private Path temp;

  private CausalLm with(String tensor, float number) throws IOException {
    return CausalLm.open(
        SpoiltModel.of(TestConfigs.LLAMA).set(tensor, 2 * 48 + 3, number).in(temp.resolve("m")));
  }

  private void names(String tensor, CausalLm model, ThrowingCallable work) {
    assertThatThrownBy(work)
        .isInstanceOf(MalformedCheckpointException.class)
        .hasMessageStartingWith(
            model.checkpoint().path().resolve("model.safetensors") + ": " + tensor + "[2, 3] is")
        .hasMessageContaining("expected finite weights");
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void inPerplexity(float number) throws IOException {
    try (CausalLm model = with(UP, number)) {
      names(UP, model, () -> Perplexity.measure(model, "t", TEXT, 16, 4, PassListener.SILENT));
    }
  }

  @Test
  void inTheLanguageHead() throws IOException {
    try (CausalLm model = with("lm_head.weight", Float.NaN)) {
      names(
          "lm_head.weight",
          model,
          () -> Perplexity.measure(model, "t", TEXT, 16, 4, PassListener.SILENT));
    }
  }

  @Test
  void inGeneration() throws IOException {
    try (CausalLm model = with(UP, Float.NaN)) {
      Generation generation = new Generation(model, Sampling.GREEDY, 3, Set.of());
      names(UP, model, () -> generation.run(List.of(TEXT), Generation.TokenListener.NONE));
    }
  }

  @Test
  void inAgreementAndTasks() throws IOException {
    try (CausalLm model = with(UP, Float.NaN)) {
      List<int[]> texts = List.of(TEXT);
      names(
          UP,
          model,
          () -> ContinuationAgreement.measure(model, texts, texts, texts, PassListener.SILENT));
    }
  }

  @Test
  void inLogitsOfWhichNoFileIsLeft() throws IOException {
    try (CausalLm model = with(UP, Float.NaN)) {
      Path file = temp.resolve("logits.safetensors");
      names(
          UP,
          model,
          () -> LogitsFile.write(model, List.of(TEXT), file, false, PassListener.SILENT));
      assertThat(temp.toFile().list()).containsExactly("m");
    }
  }

  private static CalibrationSet data() {
    return CalibrationSet.evenlySpaced("t", TEXT, 4, 16);
  }

  private void prune(
      CausalLm model, String criterion, String allocation, @Nullable Restoration restoration)
      throws IOException {
    StructuredPruner pruner =
        StructuredPruner.builder(
                Plugins.configured(ImportanceCriterion.class, criterion),
                PruningTarget.of(0.3, GroupKind.values()))
            .gradientEstimator(
                Plugins.named(
                    GradientEstimator.class, criterion.startsWith("gate") ? "gates" : "spsa"))
            .allocation(Plugins.configured(Allocation.class, allocation))
            .restoration(restoration)
            .build();
    PruningPlan plan = pruner.plan(model, data());
    pruner.apply(model, plan, data(), temp.resolve("pruned"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "obs",
        "fms",
        "wanda",
        "energy",
        "flap",
        "taylor",
        "gate",
        "gate-fisher",
        "magnitude",
        "random"
      })
  void inPruningByAnyCriterion(String criterion) throws IOException {
    for (String tensor : ImmutableSet.of(UP, "lm_head.weight")) {
      try (CausalLm model = with(tensor, Float.NaN)) {
        names(tensor, model, () -> prune(model, criterion, "uniform", null));
        assertThat(temp.resolve("pruned")).doesNotExist();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"trapezoid", "global", "sensitivity", "search", "balanced"})
  void inPruningByAnyAllocation(String allocation) throws IOException {
    try (CausalLm model = with(UP, Float.NaN)) {
      names(UP, model, () -> prune(model, "random", allocation, null));
    }
  }

  @Test
  void inRestoration() throws IOException {
    try (CausalLm model = with(UP, Float.NaN)) {
      Restoration leastSquares = Plugins.named(Restoration.class, "least-squares");
      names(UP, model, () -> prune(model, "random", "uniform", leastSquares));
    }
  }

  @Test
  void ofFiniteWeightsTheLayerIsNamedInWhichNumbersOverflow() throws IOException {
    Path folder =
        SpoiltModel.of(TestConfigs.LLAMA)
            .times(UP, 1e30f)
            .times("model.layers.1.mlp.down_proj.weight", 1e30f)
            .in(temp.resolve("large"));
    try (CausalLm model = CausalLm.open(folder)) {
      assertThatThrownBy(() -> Perplexity.measure(model, "t", TEXT, 16, 4, PassListener.SILENT))
          .isInstanceOf(NotFiniteException.class)
          .hasMessageContainingAll(
              folder.toString(), "all weights are finite", "overflow float32 in layer 1");
    }
  }
}
