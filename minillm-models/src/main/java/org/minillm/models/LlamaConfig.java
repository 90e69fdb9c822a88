package org.minillm.models;

import com.google.common.collect.ImmutableList;
import com.google.gson.JsonObject;
import java.util.Optional;
import org.minillm.core.model.LayerShape;
import org.minillm.core.model.ModelConfig;

/** What config.json says of a LLaMA model. */
record LlamaConfig(
    ModelConfig sizes, double normEpsilon, boolean attentionBias, boolean mlpBias, Rotary rotary) {

  static final String PER_LAYER = "per_layer_config";
  static final String QUERY_HEADS = "num_attention_heads";
  static final String KEY_VALUE_HEADS = "num_key_value_heads";
  static final String INTERMEDIATE_SIZE = "intermediate_size";

  static LlamaConfig parse(JsonObject json) {
    ConfigReader config = new ConfigReader(json);
    config.refuse(
        "quantization_config", "quantised weights cannot be pruned; use the unquantised model");
    String activation = config.text("hidden_act").orElse("silu");
    if (!activation.equals("silu")) {
      throw config.unsupported("hidden_act", '"' + activation + '"', "\"silu\"");
    }
    int hiddenSize = config.size("hidden_size");
    int queryHeads = config.size(QUERY_HEADS);
    int keyValueHeads = config.sizeOr(KEY_VALUE_HEADS, queryHeads);
    if (queryHeads % keyValueHeads != 0) {
      throw config.unsupported(
          KEY_VALUE_HEADS, keyValueHeads, "a divisor of num_attention_heads " + queryHeads);
    }
    if (!config.has("head_dim") && hiddenSize % queryHeads != 0) {
      throw config.unsupported(
          QUERY_HEADS, queryHeads, "a divisor of hidden_size " + hiddenSize + ", or head_dim set");
    }
    int headDim = config.sizeOr("head_dim", hiddenSize / queryHeads);
    if (headDim % 2 != 0) {
      throw config.unsupported("head_dim", headDim, "an even number");
    }
    ModelConfig sizes =
        new ModelConfig(
            "llama",
            hiddenSize,
            config.size("vocab_size"),
            config.sizeOr("max_position_embeddings", 2048),
            headDim,
            queryHeads / keyValueHeads,
            config.flagOr("tie_word_embeddings", false),
            layers(config, queryHeads / keyValueHeads));
    return new LlamaConfig(
        sizes,
        config.numberOr("rms_norm_eps", 1e-6),
        config.flagOr("attention_bias", false),
        config.flagOr("mlp_bias", false),
        Rotary.of(config, headDim));
  }

  /**
   * Layers that differ from the rest stand under {@code per_layer_config}, as in transformers 5.
   */
  private static ImmutableList<LayerShape> layers(ConfigReader config, int queryHeadsPerKeyValue) {
    Optional<ConfigReader> overrides = config.section(PER_LAYER);
    ImmutableList.Builder<LayerShape> layers = ImmutableList.builder();
    for (int i = 0; i < config.size("num_hidden_layers"); i++) {
      int layer = i;
      ConfigReader own =
          overrides.flatMap(all -> all.section(Integer.toString(layer))).orElse(config);
      int queryHeads = own.sizeOr(QUERY_HEADS, config.size(QUERY_HEADS));
      layers.add(
          new LayerShape(
              queryHeads / queryHeadsPerKeyValue,
              own.sizeOr(INTERMEDIATE_SIZE, config.size(INTERMEDIATE_SIZE))));
    }
    return layers.build();
  }

  int queryHeads(int layer) {
    return sizes.layers().get(layer).keyValueHeads() * sizes.queryHeadsPerKeyValueHead();
  }
}
