package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.minillm.core.architecture.Decoder;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;

/** The groups of each family, as the table of the design has them. Heads of the models: 6 x 8. */
class GroupTableTest {

  private static List<PruningGroup> secondLayer(String config) {
    return TestConfigs.decoder(TestConfigs.json(config)).groups(1);
  }

  @Test
  void ofLlama() {
    // GIVEN two query heads a key-value head
    String attention = "model.layers.1.self_attn.";
    String mlp = "model.layers.1.mlp.";

    // WHEN
    List<PruningGroup> groups = secondLayer(TestConfigs.LLAMA);

    // THEN
    assertThat(groups.get(0).units()).isEqualTo(20);
    assertThat(groups.get(0).slices())
        .containsExactly(
            new TensorSlice(mlp + "gate_proj.weight", 0, 1, mlp + "gate_proj"),
            new TensorSlice(mlp + "up_proj.weight", 0, 1, mlp + "gate_proj"),
            new TensorSlice(mlp + "down_proj.weight", 1, 1, mlp + "down_proj"));
    assertThat(groups.get(1).units()).isEqualTo(3);
    assertThat(groups.get(1).slices())
        .containsExactly(
            new TensorSlice(attention + "q_proj.weight", 0, 16, attention + "q_proj"),
            new TensorSlice(attention + "k_proj.weight", 0, 8, attention + "q_proj"),
            new TensorSlice(attention + "v_proj.weight", 0, 8, attention + "q_proj"),
            new TensorSlice(attention + "o_proj.weight", 1, 16, attention + "o_proj"));
  }

  @Test
  void ofOpt() {
    // GIVEN
    String layer = "model.decoder.layers.1.";
    String attention = layer + "self_attn.";

    // WHEN
    List<PruningGroup> groups = secondLayer(TestConfigs.OPT);

    // THEN
    assertThat(groups.get(0).units()).isEqualTo(20);
    assertThat(groups.get(0).slices())
        .containsExactly(
            new TensorSlice(layer + "fc1.weight", 0, 1, layer + "fc1"),
            new TensorSlice(layer + "fc1.bias", 0, 1, null),
            new TensorSlice(layer + "fc2.weight", 1, 1, layer + "fc2"));
    assertThat(groups.get(1).units()).isEqualTo(6);
    assertThat(groups.get(1).slices())
        .containsExactly(
            new TensorSlice(attention + "q_proj.weight", 0, 8, attention + "q_proj"),
            new TensorSlice(attention + "q_proj.bias", 0, 8, null),
            new TensorSlice(attention + "k_proj.weight", 0, 8, attention + "q_proj"),
            new TensorSlice(attention + "k_proj.bias", 0, 8, null),
            new TensorSlice(attention + "v_proj.weight", 0, 8, attention + "q_proj"),
            new TensorSlice(attention + "v_proj.bias", 0, 8, null),
            new TensorSlice(attention + "out_proj.weight", 1, 8, attention + "out_proj"));
  }

  @Test
  void ofOptWithoutBiasesOnlyTheMatrices() {
    // GIVEN
    Decoder decoder =
        TestConfigs.decoder(TestConfigs.with(TestConfigs.OPT, "{'enable_bias': false}"));

    // WHEN THEN
    assertThat(decoder.groups(0).get(0).slices()).noneMatch(TensorSlice::isBias).hasSize(2);
    assertThat(decoder.groups(0).get(1).slices()).noneMatch(TensorSlice::isBias).hasSize(4);
    assertThat(decoder.tensors()).doesNotContainKey("model.decoder.layers.0.fc2.bias");
  }

  @Test
  void ofBloom() {
    // GIVEN queries, keys and values of a head in one run of rows
    String attention = "transformer.h.1.self_attention.";
    String mlp = "transformer.h.1.mlp.";

    // WHEN
    List<PruningGroup> groups = secondLayer(TestConfigs.BLOOM);

    // THEN
    assertThat(groups.get(0).units()).isEqualTo(192);
    assertThat(groups.get(0).slices())
        .containsExactly(
            new TensorSlice(mlp + "dense_h_to_4h.weight", 0, 1, mlp + "dense_h_to_4h"),
            new TensorSlice(mlp + "dense_h_to_4h.bias", 0, 1, null),
            new TensorSlice(mlp + "dense_4h_to_h.weight", 1, 1, mlp + "dense_4h_to_h"));
    assertThat(groups.get(1).units()).isEqualTo(6);
    assertThat(groups.get(1).slices())
        .containsExactly(
            new TensorSlice(
                attention + "query_key_value.weight", 0, 24, attention + "query_key_value"),
            new TensorSlice(attention + "query_key_value.bias", 0, 24, null),
            new TensorSlice(attention + "dense.weight", 1, 8, attention + "dense"));
  }

  @Test
  void namesHaveThePrefixUnderWhichTheCheckpointStoresThem() {
    // GIVEN published checkpoints come with the prefix and without
    Decoder bare =
        TestConfigs.decoder(TestConfigs.json(TestConfigs.BLOOM), "word_embeddings.weight");
    Decoder old =
        TestConfigs.decoder(TestConfigs.json(TestConfigs.OPT), "decoder.embed_tokens.weight");

    // WHEN THEN
    assertThat(bare.headTensor()).isEqualTo("word_embeddings.weight");
    assertThat(bare.tensors()).containsKey("h.1.mlp.dense_h_to_4h.weight");
    assertThat(old.tensors()).containsKey("decoder.layers.0.fc1.weight");
  }
}
