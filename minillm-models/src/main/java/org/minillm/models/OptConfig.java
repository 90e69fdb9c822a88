package org.minillm.models;

import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import com.google.gson.JsonObject;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelCode;
import org.minillm.core.architecture.ModelConfig;
import org.minillm.core.architecture.StockLoader;

/**
 * What config.json says of an OPT model (Zhang et al., arXiv 2205.01068).
 *
 * <p>OPT's config has no key for the width of a head: a model that lost heads carries {@code
 * head_dim}, which only MiniLLM reads.
 */
record OptConfig(
    JsonObject json,
    ModelConfig sizes,
    String prefix,
    int embeddingWidth,
    Nonlinearity activation,
    boolean normBefore,
    boolean lastNorm,
    boolean bias,
    NormRow.Kind normKind)
    implements FamilyConfig {

  private static final String EMBEDDING = "embed_tokens";
  private static final String HEAD_DIM = "head_dim";
  private static final String HEADS = "num_attention_heads";
  private static final String INTERMEDIATE_SIZE = "ffn_dim";

  /** The default of torch.nn.LayerNorm; OPT's config has no key for it. */
  private static final double NORM_EPSILON = 1e-5;

  /** Position p is row p + 2: fairseq kept the first rows for padding. */
  private static final int POSITION_OFFSET = 2;

  static OptConfig parse(JsonObject written, Map<String, Shape> stored) {
    JsonObject json = PythonClasses.stock(written);
    ConfigReader config = new ConfigReader(json, stored);
    config.refuseQuantised();
    String activation =
        config.choice("activation_function", "relu", ImmutableList.of("relu", "gelu"));
    int hiddenSize = config.size("hidden_size");
    int headDim = config.headDim(hiddenSize, HEADS);
    boolean normBefore = config.flagOr("do_layer_norm_before", true);
    ModelConfig sizes =
        ModelConfig.builder("opt", layers(config, headDim))
            .hiddenSize(hiddenSize)
            .vocabSize(config.size("vocab_size"))
            .maxPositions(config.sizeOr("max_position_embeddings", 2048))
            .headDim(headDim)
            .tiedHead(config.flagOr("tie_word_embeddings", true))
            .build();
    return new OptConfig(
        json,
        sizes,
        ModelTable.prefix(stored, EMBEDDING + ".weight", "model.decoder.", "decoder."),
        config.sizeOr("word_embed_proj_dim", hiddenSize),
        activation.equals("relu") ? Nonlinearity.RELU : Nonlinearity.GELU,
        normBefore,
        normBefore && !config.flagOr("_remove_final_layer_norm", false),
        config.flagOr("enable_bias", true),
        config.flagOr("layer_norm_elementwise_affine", true)
            ? NormRow.Kind.LAYER
            : NormRow.Kind.PLAIN_LAYER);
  }

  private static ImmutableList<LayerShape> layers(ConfigReader config, int headDim) {
    int count = config.layers("num_hidden_layers");
    return LayerList.read(config, count, 1, headDim, LayerList.NO_PLACES)
        .orElseGet(() -> overridden(config, count, headDim));
  }

  private static ImmutableList<LayerShape> overridden(ConfigReader config, int count, int headDim) {
    PerLayerConfig own = new PerLayerConfig(config, count, HEADS, INTERMEDIATE_SIZE);
    ImmutableList.Builder<LayerShape> layers = ImmutableList.builder();
    for (int i = 0; i < count; i++) {
      layers.add(
          new LayerShape(
              own.of(i, HEADS).size(HEADS, headDim),
              own.of(i, INTERMEDIATE_SIZE).size(INTERMEDIATE_SIZE)));
    }
    return layers.build();
  }

  @Override
  public PositionScheme positions() {
    return PositionScheme.IN_THE_EMBEDDING;
  }

  @Override
  public ModelTable table() {
    int hidden = sizes.hiddenSize();
    boolean projected = embeddingWidth != hidden;
    LinearRow embedding =
        new LinearRow(prefix + EMBEDDING, sizes.vocabSize(), embeddingWidth, false);
    ImmutableList.Builder<BlockTable> blocks = ImmutableList.builder();
    for (int i = 0; i < sizes.layers().size(); i++) {
      blocks.add(block(prefix + "layers." + i + ".", sizes.layers().get(i)));
    }
    ModelTable.Builder table =
        ModelTable.of(embedding, blocks.build())
            .learnedPositions(
                new ModelTable.LearnedPositions(
                    prefix + "embed_positions", sizes.maxPositions(), POSITION_OFFSET));
    if (projected) {
      table.projected(
          new LinearRow(prefix + "project_in", hidden, embeddingWidth, false),
          new LinearRow(prefix + "project_out", embeddingWidth, hidden, false));
    }
    if (lastNorm) {
      table.lastNorm(norm(prefix + "final_layer_norm"));
    }
    if (!sizes.tiedHead()) {
      table.head(new LinearRow("lm_head", sizes.vocabSize(), embeddingWidth, false));
    }
    return table.build();
  }

  private BlockTable block(String layer, LayerShape shape) {
    int hidden = sizes.hiddenSize();
    int heads = shape.keyValueHeads() * sizes.headDim();
    int channels = shape.intermediateSize();
    return BlockTable.attention(
            norm(layer + "self_attn_layer_norm"),
            ImmutableList.of(
                new LinearRow(layer + "self_attn.q_proj", heads, hidden, bias),
                new LinearRow(layer + "self_attn.k_proj", heads, hidden, bias),
                new LinearRow(layer + "self_attn.v_proj", heads, hidden, bias)),
            new LinearRow(layer + "self_attn.out_proj", hidden, heads, bias))
        .mlp(
            norm(layer + "final_layer_norm"),
            ImmutableList.of(new LinearRow(layer + "fc1", channels, hidden, bias)),
            new LinearRow(layer + "fc2", hidden, channels, bias))
        .placement(normBefore ? NormPlacement.BEFORE : NormPlacement.AFTER)
        .activation(activation)
        .build();
  }

  private NormRow norm(String path) {
    return new NormRow(path, normKind, sizes.hiddenSize(), NORM_EPSILON);
  }

  @Override
  public JsonObject render(List<LayerShape> layers) {
    JsonObject rendered = json.deepCopy();
    rendered.addProperty(HEAD_DIM, sizes.headDim());
    PerLayerConfig.render(
        rendered,
        layers,
        (target, shape) -> {
          target.addProperty(HEADS, shape.keyValueHeads());
          target.addProperty(INTERMEDIATE_SIZE, shape.intermediateSize());
        });
    return rendered;
  }

  @Override
  public Optional<String> stockLoaderObstacle(StockLoader loader, List<LayerShape> layers) {
    return PerLayerConfig.unevenLayers(layers)
        .or(() -> PerLayerConfig.lostHeads(sizes, layers.get(0)));
  }

  @Override
  public Optional<String> codeObstacle(List<LayerShape> layers) {
    return LayerList.splitHeads(sizes);
  }

  @Override
  public ModelCode code(List<LayerShape> layers) {
    int heads = sizes.hiddenSize() / sizes.headDim();
    return PythonClasses.code(
        render(LayerList.alike(layers, heads, ImmutableIntArray.of())), sizes, layers);
  }
}
