package org.minillm.models;

import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import com.google.common.primitives.ImmutableIntArray;
import com.google.gson.JsonObject;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelCode;
import org.minillm.core.architecture.ModelConfig;
import org.minillm.core.architecture.StockLoader;

/**
 * What config.json says of a LLaMA model, or of a family that differs from it in some {@link
 * LlamaVariant}.
 */
record LlamaConfig(
    JsonObject json,
    ModelConfig sizes,
    String prefix,
    double normEpsilon,
    LlamaVariant variant,
    Biases biases,
    OptionalInt attentionWindow,
    Rotary positions)
    implements FamilyConfig {

  private static final String EMBEDDING = "embed_tokens";
  private static final String HEAD_DIM = "head_dim";
  private static final String QUERY_HEADS = "num_attention_heads";
  private static final String KEY_VALUE_HEADS = "num_key_value_heads";
  private static final String INTERMEDIATE_SIZE = "intermediate_size";

  /** Of which transformers 5 does not ask that the heads divide the hidden size. */
  private static final ImmutableSet<String> ANY_HEADS =
      ImmutableSet.of("mistral", "qwen2", "qwen3");

  /** Which linear layers have biases: queries, keys and values; the output; those of the MLP. */
  record Biases(boolean projections, boolean output, boolean mlp) {}

  static LlamaConfig parse(JsonObject written, Map<String, Shape> stored, LlamaVariant variant) {
    JsonObject json = PythonClasses.stock(written);
    ConfigReader config = new ConfigReader(json, stored);
    config.refuseQuantised();
    config.choice(
        "hidden_act", variant.activationName(), ImmutableList.of(variant.activationName()));
    Biases biases = variant.biases(config);
    int hiddenSize = config.size("hidden_size");
    int queryHeads = config.size(QUERY_HEADS);
    int keyValueHeads = config.sizeOr(KEY_VALUE_HEADS, queryHeads);
    if (queryHeads % keyValueHeads != 0) {
      throw config.unsupported(
          KEY_VALUE_HEADS, keyValueHeads, "a divisor of num_attention_heads " + queryHeads);
    }
    int headDim = config.headDim(hiddenSize, QUERY_HEADS);
    if (headDim % 2 != 0) {
      throw config.unsupported(HEAD_DIM, headDim, "an even number");
    }
    ModelConfig sizes =
        ModelConfig.builder(
                config.text("model_type").orElse("llama"),
                layers(config, queryHeads / keyValueHeads, headDim))
            .hiddenSize(hiddenSize)
            .vocabSize(config.size("vocab_size"))
            .maxPositions(config.countOr("max_position_embeddings", 2048))
            .headDim(headDim)
            .queryHeadsPerKeyValueHead(queryHeads / keyValueHeads)
            .tiedHead(config.flagOr("tie_word_embeddings", false))
            .build();
    return new LlamaConfig(
        json,
        sizes,
        ModelTable.prefix(stored, EMBEDDING + ".weight", "model.", ""),
        config.positiveOr("rms_norm_eps", 1e-6),
        variant,
        biases,
        variant.window(config),
        Rotary.of(config, headDim));
  }

  private static ImmutableList<LayerShape> layers(
      ConfigReader config, int queryHeadsPerKeyValue, int headDim) {
    int count = config.layers("num_hidden_layers");
    return LayerList.read(config, count, queryHeadsPerKeyValue, headDim, LayerList.NO_PLACES)
        .orElseGet(() -> overridden(config, count, queryHeadsPerKeyValue, headDim));
  }

  private static ImmutableList<LayerShape> overridden(
      ConfigReader config, int count, int queryHeadsPerKeyValue, int headDim) {
    PerLayerConfig own =
        new PerLayerConfig(config, count, QUERY_HEADS, KEY_VALUE_HEADS, INTERMEDIATE_SIZE);
    ImmutableList.Builder<LayerShape> layers = ImmutableList.builder();
    for (int i = 0; i < count; i++) {
      ConfigReader heads = own.of(i, QUERY_HEADS);
      int queryHeads = heads.size(QUERY_HEADS, headDim);
      int keyValueHeads = queryHeads / queryHeadsPerKeyValue;
      // where a layer says both they must say the same
      if (queryHeads % queryHeadsPerKeyValue != 0
          || heads.sizeOr(KEY_VALUE_HEADS, keyValueHeads) != keyValueHeads) {
        throw heads.unsupported(
            QUERY_HEADS,
            queryHeads,
            queryHeadsPerKeyValue + " for each of num_key_value_heads, as in the other layers");
      }
      layers.add(
          new LayerShape(keyValueHeads, own.of(i, INTERMEDIATE_SIZE).size(INTERMEDIATE_SIZE)));
    }
    return layers.build();
  }

  @Override
  public ModelTable table() {
    int hidden = sizes.hiddenSize();
    LinearRow embedding = new LinearRow(prefix + EMBEDDING, sizes.vocabSize(), hidden, false);
    ImmutableList.Builder<BlockTable> blocks = ImmutableList.builder();
    for (int i = 0; i < sizes.layers().size(); i++) {
      blocks.add(block(prefix + "layers." + i + ".", sizes.layers().get(i)));
    }
    ModelTable.Builder table =
        ModelTable.of(embedding, blocks.build())
            .embeddingScale(variant.embeddingScale(sizes))
            .lastNorm(norm(prefix + "norm"));
    if (!sizes.tiedHead()) {
      table.head(new LinearRow("lm_head", sizes.vocabSize(), hidden, false));
    }
    return table.build();
  }

  private BlockTable block(String layer, LayerShape shape) {
    int hidden = sizes.hiddenSize();
    int keys = shape.keyValueHeads() * sizes.headDim();
    int queries = keys * sizes.queryHeadsPerKeyValueHead();
    int channels = shape.intermediateSize();
    BlockTable.Builder block =
        BlockTable.attention(
                norm(layer + "input_layernorm"),
                ImmutableList.of(
                    new LinearRow(layer + "self_attn.q_proj", queries, hidden, biases.projections),
                    new LinearRow(layer + "self_attn.k_proj", keys, hidden, biases.projections),
                    new LinearRow(layer + "self_attn.v_proj", keys, hidden, biases.projections)),
                new LinearRow(layer + "self_attn.o_proj", hidden, queries, biases.output))
            .mlp(
                norm(layer + "post_attention_layernorm"),
                ImmutableList.of(
                    new LinearRow(layer + "mlp.gate_proj", channels, hidden, biases.mlp),
                    new LinearRow(layer + "mlp.up_proj", channels, hidden, biases.mlp)),
                new LinearRow(layer + "mlp.down_proj", hidden, channels, biases.mlp))
            .activation(variant.activation());
    if (variant.normsHeads()) {
      block.headNorms(headNorm(layer + "self_attn.q_norm"), headNorm(layer + "self_attn.k_norm"));
    }
    return block.build();
  }

  private NormRow headNorm(String path) {
    return new NormRow(path, NormRow.Kind.RMS, sizes.headDim(), normEpsilon);
  }

  private NormRow norm(String path) {
    return new NormRow(path, NormRow.Kind.RMS, sizes.hiddenSize(), normEpsilon);
  }

  @Override
  public JsonObject render(List<LayerShape> layers) {
    JsonObject rendered = json.deepCopy();
    // hidden_size / num_attention_heads no longer tells it once heads are gone
    rendered.addProperty(HEAD_DIM, sizes.headDim());
    PerLayerConfig.render(
        rendered,
        layers,
        (target, shape) -> {
          target.addProperty(QUERY_HEADS, queryHeads(shape));
          target.addProperty(KEY_VALUE_HEADS, shape.keyValueHeads());
          target.addProperty(INTERMEDIATE_SIZE, shape.intermediateSize());
        });
    return rendered;
  }

  @Override
  public Optional<String> stockLoaderObstacle(StockLoader loader, List<LayerShape> layers) {
    return PerLayerConfig.unevenLayers(layers)
        .or(
            () ->
                loader == StockLoader.TRANSFORMERS_5 && !ANY_HEADS.contains(sizes.modelType())
                    ? undividedHiddenSize(layers.get(0))
                    : Optional.empty());
  }

  private Optional<String> undividedHiddenSize(LayerShape shape) {
    int heads = queryHeads(shape);
    return sizes.hiddenSize() % heads == 0
        ? Optional.empty()
        : Optional.of(
            "hidden_size %s is not a multiple of num_attention_heads %s, which transformers 5 refuses"
                .formatted(sizes.hiddenSize(), heads));
  }

  @Override
  public Optional<String> codeObstacle(List<LayerShape> layers) {
    return PythonClasses.obstacle(sizes.modelType());
  }

  @Override
  public ModelCode code(List<LayerShape> layers) {
    return PythonClasses.code(
        render(LayerList.alike(layers, stockHeads(layers), ImmutableIntArray.of())), sizes, layers);
  }

  /**
   * As many key-value heads as the widest layer has, or the next more whose query heads divide the
   * hidden size: transformers 5 refuses others before a class of ours is asked.
   */
  private int stockHeads(List<LayerShape> layers) {
    int widest = layers.stream().mapToInt(LayerShape::keyValueHeads).max().orElseThrow();
    int group = sizes.queryHeadsPerKeyValueHead();
    return IntStream.rangeClosed(widest, sizes.hiddenSize() / group)
        .filter(heads -> sizes.hiddenSize() % (heads * group) == 0)
        .findFirst()
        .orElse(widest);
  }

  private int queryHeads(LayerShape shape) {
    return shape.keyValueHeads() * sizes.queryHeadsPerKeyValueHead();
  }
}
