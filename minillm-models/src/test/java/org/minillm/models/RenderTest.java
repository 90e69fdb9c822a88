package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.primitives.ImmutableIntArray;
import com.google.gson.JsonObject;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.Decoder;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.LayerShape;

/** How config.json says what pruning left. */
class RenderTest {

  private static final LayerShape BLOOM_LAYER =
      new LayerShape(6, 192, ImmutableIntArray.of(0, 1, 2, 3, 4, 5));

  private static LayerShape bloom(int channels, int... heads) {
    return BLOOM_LAYER
        .keeping(GroupKind.ATTENTION_HEADS, ImmutableIntArray.copyOf(heads))
        .keeping(
            GroupKind.MLP_CHANNELS,
            ImmutableIntArray.copyOf(java.util.stream.IntStream.range(0, channels)));
  }

  /** The config, with keys set to what is expected. */
  private static void rendersWith(String config, List<LayerShape> layers, String expected) {
    // WHEN
    JsonObject rendered = TestConfigs.decoder(TestConfigs.json(config)).render(layers);

    // THEN these keys, and no others, are changed; and it reads as what it was written for
    assertThat(rendered).isEqualTo(TestConfigs.with(config, expected));
    assertThat(TestConfigs.decoder(rendered).config().layers()).isEqualTo(layers);
  }

  @Test
  void ofAnEvenLlamaTheCountsChange() {
    rendersWith(
        TestConfigs.LLAMA,
        List.of(new LayerShape(2, 15), new LayerShape(2, 15)),
        "{'num_attention_heads': 4, 'num_key_value_heads': 2, 'intermediate_size': 15,"
            + " 'head_dim': 8}");
  }

  @Test
  void ofAnUnevenLlamaWhatDiffersFromTheWidestStandsByLayer() {
    rendersWith(
        TestConfigs.LLAMA,
        List.of(new LayerShape(1, 20), new LayerShape(2, 15)),
        "{'num_attention_heads': 4, 'num_key_value_heads': 2, 'intermediate_size': 20,"
            + " 'head_dim': 8, 'per_layer_config': {"
            + "'0': {'num_attention_heads': 2, 'num_key_value_heads': 1, 'intermediate_size': 20},"
            + "'1': {'num_attention_heads': 4, 'num_key_value_heads': 2, 'intermediate_size': 15}"
            + "}}");
  }

  @Test
  void ofAnUnevenOptToo() {
    rendersWith(
        TestConfigs.OPT,
        List.of(new LayerShape(5, 20), new LayerShape(4, 20)),
        "{'num_attention_heads': 5, 'ffn_dim': 20, 'head_dim': 8, 'per_layer_config': {"
            + "'1': {'num_attention_heads': 4, 'ffn_dim': 20}}}");
  }

  @Test
  void ofABloomThatLostChannelsTheMlpHasASize() {
    rendersWith(
        TestConfigs.BLOOM,
        List.of(bloom(100, 0, 1, 2, 3, 4, 5), bloom(100, 0, 1, 2, 3, 4, 5)),
        "{'n_head': 6, 'intermediate_size': 100, 'head_dim': 8}");
  }

  @Test
  void ofABloomThatLostHeadsThePlacesOfTheOthersAreKept() {
    rendersWith(
        TestConfigs.BLOOM,
        List.of(bloom(192, 1, 4), bloom(192, 0, 2, 5)),
        "{'n_head': 3, 'intermediate_size': 192, 'head_dim': 8,"
            + " 'per_layer_config': {'0': {'n_head': 2, 'intermediate_size': 192}},"
            + " 'minillm': {'alibi': {'heads': 6, 'kept': [[1, 4], [0, 2, 5]]}}}");
  }

  @Test
  void ofAPrunedBloomThatLosesMoreHeadsThePlacesInTheDenseModelAreKept() {
    // GIVEN a model that kept the heads 1, 4, 5 of six
    Decoder once =
        TestConfigs.decoder(
            TestConfigs.decoder(TestConfigs.json(TestConfigs.BLOOM))
                .render(List.of(bloom(192, 1, 4, 5), bloom(192, 1, 4, 5))));

    // WHEN the first of those goes in layer 0 and the last in layer 1
    List<LayerShape> twice =
        List.of(
            once.config()
                .layers()
                .get(0)
                .keeping(GroupKind.ATTENTION_HEADS, ImmutableIntArray.of(1, 2)),
            once.config()
                .layers()
                .get(1)
                .keeping(GroupKind.ATTENTION_HEADS, ImmutableIntArray.of(0, 1)));

    // THEN
    assertThat(once.render(twice).get("minillm"))
        .isEqualTo(TestConfigs.json("{'alibi': {'heads': 6, 'kept': [[4, 5], [1, 4]]}}"));
  }

  @ParameterizedTest
  @ValueSource(strings = {TestConfigs.LLAMA, TestConfigs.OPT, TestConfigs.BLOOM})
  void aModelPrunedTwiceHasTheTextOfOnePrunedOnce(String config) {
    // GIVEN layer 1 loses heads and channels, then layer 0 loses heads
    Decoder dense = TestConfigs.decoder(TestConfigs.json(config));
    LayerShape full = dense.config().layers().get(0);
    ImmutableIntArray two = ImmutableIntArray.of(0, 2);
    LayerShape second =
        full.keeping(GroupKind.ATTENTION_HEADS, two).keeping(GroupKind.MLP_CHANNELS, two);
    LayerShape first = full.keeping(GroupKind.ATTENTION_HEADS, two);

    // WHEN
    JsonObject once = dense.render(List.of(full, second));
    JsonObject twice = TestConfigs.decoder(once).render(List.of(first, second));

    // THEN keys stand in the same order, whatever the way
    assertThat(twice).hasToString(dense.render(List.of(first, second)).toString());
  }

  @Test
  void theSpellingOfTheOriginalIsKept() {
    // GIVEN the keys of bloom-560m
    String config =
        """
        {"model_type": "bloom", "n_embed": 48, "n_layer": 1, "vocab_size": 100,
         "num_attention_heads": 6}
        """;

    // WHEN THEN
    rendersWith(
        config,
        List.of(bloom(192, 0, 1)),
        "{'num_attention_heads': 2, 'intermediate_size': 192, 'head_dim': 8,"
            + " 'minillm': {'alibi': {'heads': 6, 'kept': [[0, 1]]}}}");
  }

  @ParameterizedTest
  @ValueSource(strings = {TestConfigs.LLAMA, TestConfigs.OPT, TestConfigs.BLOOM})
  void whatPruningDoesNotTouchStays(String config) {
    // GIVEN
    JsonObject extended = TestConfigs.with(config, "{'dtype': 'float16', 'own': [1, null]}");
    Decoder decoder = TestConfigs.decoder(extended);

    // WHEN
    JsonObject rendered = decoder.render(decoder.config().layers());

    // THEN
    extended
        .entrySet()
        .forEach(key -> assertThat(rendered.get(key.getKey())).isEqualTo(key.getValue()));
  }
}
