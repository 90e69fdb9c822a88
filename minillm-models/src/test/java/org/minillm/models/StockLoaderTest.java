package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.primitives.ImmutableIntArray;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.Decoder;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.StockLoader;

/** What Hugging Face transformers can take of a pruned model, and why not. */
class StockLoaderTest {

  /** Five key-value heads, each with one query head. */
  private static final String FIVE_HEADS =
      "{'model_type': 'llama', 'hidden_size': 50, 'num_hidden_layers': 1, 'vocab_size': 100,"
          + " 'num_attention_heads': 5, 'intermediate_size': 20}";

  private static Optional<String> obstacle(String config, LayerShape... layers) {
    return TestConfigs.decoder(TestConfigs.json(config)).stockLoaderObstacle(List.of(layers));
  }

  private static LayerShape bloom(int heads, int channels) {
    return new LayerShape(heads, channels, ImmutableIntArray.copyOf(IntStream.range(0, heads)));
  }

  @ParameterizedTest
  @ValueSource(strings = {TestConfigs.LLAMA, TestConfigs.OPT, TestConfigs.BLOOM})
  void takesEveryDenseModel(String config) {
    Decoder decoder = TestConfigs.decoder(TestConfigs.json(config));
    assertThat(decoder.stockLoaderObstacle(decoder.config().layers())).isEmpty();
  }

  @Test
  void takesAnEvenLlamaWhoseHeadsDivideTheHiddenSize() {
    assertThat(obstacle(TestConfigs.LLAMA, new LayerShape(2, 15), new LayerShape(2, 15))).isEmpty();
  }

  @Test
  void refusesALlamaWhoseHeadsDoNotDivideTheHiddenSize() {
    assertThat(obstacle(FIVE_HEADS, new LayerShape(4, 20)))
        .hasValue(
            "hidden_size 50 is not a multiple of num_attention_heads 4, which transformers 5"
                + " refuses");
  }

  @Test
  void refusesLayersOfDifferentSizes() {
    assertThat(obstacle(TestConfigs.LLAMA, new LayerShape(3, 20), new LayerShape(2, 15)))
        .hasValue(
            "layers differ in size (layer 0 has 3 key-value heads and 20 MLP channels, layer 1 has"
                + " 2 key-value heads and 15 MLP channels), and stock loaders know one size for"
                + " all");
  }

  @Test
  void takesAnOptThatLostChannels() {
    assertThat(obstacle(TestConfigs.OPT, new LayerShape(6, 15), new LayerShape(6, 15))).isEmpty();
  }

  @Test
  void refusesAnOptThatLostHeads() {
    assertThat(obstacle(TestConfigs.OPT, new LayerShape(4, 20), new LayerShape(4, 20)))
        .hasValue(
            "stock loaders take the width of a head to be hidden_size / heads, but 4 heads of width"
                + " 8 do not make up hidden_size 48");
  }

  @Test
  void refusesABloomThatLostHeads() {
    assertThat(obstacle(TestConfigs.BLOOM, bloom(4, 192), bloom(4, 192)))
        .hasValueSatisfying(why -> assertThat(why).contains("4 heads of width 8"));
  }

  @Test
  void refusesABloomThatLostChannels() {
    assertThat(obstacle(TestConfigs.BLOOM, bloom(6, 150), bloom(6, 150)))
        .hasValue("BLOOM's MLP always has 4 * hidden_size = 192 channels, and this one has 150");
  }

  @Test
  void transformers4TakesHeadsThatDoNotDivideTheHiddenSize() {
    Decoder decoder = TestConfigs.decoder(TestConfigs.json(FIVE_HEADS));
    assertThat(
            decoder.stockLoaderObstacle(StockLoader.TRANSFORMERS_4, List.of(new LayerShape(4, 20))))
        .isEmpty();
    assertThat(
            decoder.stockLoaderObstacle(StockLoader.TRANSFORMERS_5, List.of(new LayerShape(4, 20))))
        .isPresent();
  }

  @ParameterizedTest
  @ValueSource(strings = {"mistral", "qwen2", "qwen3"})
  void ofTheOtherRotaryFamiliesTransformers5TakesThemToo(String family) {
    assertThat(obstacle(FIVE_HEADS.replace("llama", family), new LayerShape(4, 20))).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(StockLoader.class)
  void noReleaseTakesLayersOfDifferentSizesOrAnOptThatLostHeads(StockLoader loader) {
    Decoder opt = TestConfigs.decoder(TestConfigs.json(TestConfigs.OPT));
    assertThat(
            opt.stockLoaderObstacle(loader, List.of(new LayerShape(6, 20), new LayerShape(6, 15))))
        .isPresent();
    assertThat(
            opt.stockLoaderObstacle(loader, List.of(new LayerShape(4, 20), new LayerShape(4, 20))))
        .isPresent();
  }
}
