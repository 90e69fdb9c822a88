package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.checkpoint.MalformedCheckpointException;
import org.minillm.core.checkpoint.TensorType;
import org.minillm.core.cut.CheckpointCutter;
import org.minillm.core.plan.ModelFingerprint;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.PassRunner;
import org.minillm.criteria.Magnitude;

/** Tensors that a checkpoint has and its model does not compute with. */
class UnreadTensorsTest {

  @TempDir private Path temp;

  private CausalLm with(String... names) throws IOException {
    SpoiltModel model = SpoiltModel.of(TestConfigs.LLAMA).config("{'tie_word_embeddings': true}");
    List.of(names).forEach(name -> model.put(name, TensorType.F32, 48));
    return CausalLm.open(model.remove("lm_head.weight").in(temp.resolve("model")));
  }

  private static PruningPlan plan(CausalLm model) throws IOException {
    return StructuredPruner.builder(new Magnitude(), PruningTarget.of(0.2, GroupKind.MLP_CHANNELS))
        .build()
        .plan(model, null);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "model.layers.1.self_attn.q_proj.bias",
        "model.layers.0.self_attn.q_norm.weight",
        "model.layers.2.mlp.up_proj.weight"
      })
  void aModelWithTensorsOfLayersThatNothingReadsIsNotPruned(String name) throws IOException {
    try (CausalLm model = with(name)) {
      // GIVEN it can be looked at
      assertThat(model.unreadTensors()).containsExactly(name);

      // WHEN THEN
      assertThatThrownBy(() -> plan(model))
          .isInstanceOf(MalformedCheckpointException.class)
          .hasMessageContainingAll(
              model.checkpoint().path().toString(), "1 tensor of layers", name, "attention_bias");
    }
  }

  @Test
  void noPlanIsAppliedToItEither() throws IOException {
    try (CausalLm model = with("model.layers.1.self_attn.q_proj.bias")) {
      PruningPlan plan = new PruningPlan(ModelFingerprint.of(model), Map.of(), Map.of());
      assertThatThrownBy(() -> new CheckpointCutter(new PassRunner(model), plan))
          .isInstanceOf(MalformedCheckpointException.class)
          .hasMessageContaining("q_proj.bias");
    }
  }

  @Test
  void tensorsOutsideOfTheLayersAreNamedAndCopied() throws IOException {
    try (CausalLm model = with("score.weight", "vision.bias")) {
      assertThat(model.unreadTensors()).containsExactlyInAnyOrder("score.weight", "vision.bias");
      assertThat(plan(model).groups()).isNotEmpty();
    }
  }

  @Test
  void constantsThatEveryLoaderMakesAnewAreNotWorthAWord() throws IOException {
    try (CausalLm model =
        with(
            "model.layers.0.self_attn.rotary_emb.inv_freq",
            "model.embeddings.position_ids",
            "lm_head.weight.masked_bias")) {
      assertThat(model.unreadTensors()).isEmpty();
      assertThat(plan(model).groups()).isNotEmpty();
    }
  }
}
