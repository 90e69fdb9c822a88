package org.minillm.core.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.google.common.collect.ImmutableList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelConfig;
import org.minillm.core.files.JsonNode;

class ModelFingerprintTest {

  private static final LayerShape FULL = new LayerShape(3, 1536);
  private static final ModelFingerprint MODEL = llama(576, 49152, 64, List.of(FULL, FULL), "ab12");

  private static ModelFingerprint llama(
      int hidden, int vocab, int headDim, List<LayerShape> layers, String sha) {
    return new ModelFingerprint("llama", hidden, vocab, headDim, ImmutableList.copyOf(layers), sha);
  }

  @Test
  void takesTheSizesOfAConfig() {
    // GIVEN
    ModelConfig config =
        ModelConfig.builder("llama", ImmutableList.of(FULL, FULL))
            .hiddenSize(576)
            .vocabSize(49152)
            .maxPositions(8192)
            .headDim(64)
            .queryHeadsPerKeyValueHead(3)
            .tiedHead(true)
            .build();

    // WHEN
    ModelFingerprint fingerprint = ModelFingerprint.of(config, "ab12");

    // THEN
    assertThat(fingerprint).isEqualTo(MODEL);
  }

  @Test
  void hasNoDifferenceFromItsEqual() {
    // GIVEN
    ModelFingerprint same = llama(576, 49152, 64, List.of(FULL, FULL), "ab12");

    // WHEN THEN
    assertThat(MODEL.firstDifference(same)).isEmpty();
  }

  static List<Arguments> others() {
    return List.of(
        Arguments.of(
            new ModelFingerprint("opt", 576, 49152, 64, ImmutableList.of(FULL, FULL), "ab12"),
            "model_type is llama, not opt"),
        Arguments.of(llama(576, 49152, 64, List.of(FULL), "ab12"), "num_hidden_layers is 2, not 1"),
        Arguments.of(
            llama(960, 49152, 64, List.of(FULL, FULL), "ab12"), "hidden_size is 576, not 960"),
        Arguments.of(
            llama(576, 100, 64, List.of(FULL, FULL), "ab12"), "vocab_size is 49152, not 100"),
        Arguments.of(llama(576, 49152, 32, List.of(FULL, FULL), "ab12"), "head_dim is 64, not 32"),
        Arguments.of(
            llama(576, 49152, 64, List.of(FULL, new LayerShape(2, 1536)), "ab12"),
            "num_key_value_heads of layer 1 is 3, not 2"),
        Arguments.of(
            llama(576, 49152, 64, List.of(FULL, new LayerShape(3, 1408)), "ab12"),
            "intermediate_size of layer 1 is 1536, not 1408"),
        Arguments.of(
            llama(576, 49152, 64, List.of(FULL, FULL), "cd34"),
            "tensors_sha256 is ab12, not cd34"));
  }

  @ParameterizedTest
  @MethodSource("others")
  void namesTheFieldThatDiffersWithBothValues(ModelFingerprint other, String difference) {
    assertThat(MODEL.firstDifference(other)).hasValue(difference);
  }

  @Test
  void namesSizesBeforeTheWeightsThatFollowFromThem() {
    // GIVEN
    ModelFingerprint smaller = llama(576, 49152, 32, List.of(FULL, FULL), "cd34");

    // WHEN THEN
    assertThat(MODEL.firstDifference(smaller)).hasValue("head_dim is 64, not 32");
  }

  @Test
  void writesOneNumberForASizeThatAllLayersShare() {
    assertThat(MODEL.toJson())
        .isEqualTo(
            "{\"model_type\": \"llama\", \"num_hidden_layers\": 2, \"hidden_size\": 576,"
                + " \"vocab_size\": 49152, \"head_dim\": 64, \"num_key_value_heads\": 3,"
                + " \"intermediate_size\": 1536, \"tensors_sha256\": \"ab12\"}");
  }

  @Test
  void writesAnArrayForASizeThatLayersDoNotShareAndReadsItBack() {
    // GIVEN
    ModelFingerprint uneven = llama(576, 49152, 64, List.of(FULL, new LayerShape(3, 1408)), "ab12");

    // WHEN
    String json = uneven.toJson();

    // THEN
    assertThat(json).contains("\"num_key_value_heads\": 3, \"intermediate_size\": [1536,1408]");
    assertThat(ModelFingerprint.fromJson(JsonNode.parse(json))).isEqualTo(uneven);
  }

  @Test
  void refusesAModelWithoutLayers() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> llama(576, 49152, 64, List.of(), "ab12"))
        .withMessage("llama: 0 layers, expected at least 1");
  }
}
