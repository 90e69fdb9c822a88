package org.minillm.models;

import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.gson.JsonObject;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelCode;
import org.minillm.core.architecture.ModelConfig;
import org.minillm.core.architecture.StockLoader;

/**
 * What config.json says of a BLOOM model (BigScience, arXiv 2211.05100).
 *
 * <p>BLOOM's config has no keys for the width of a head or of the MLP, and takes the slopes of
 * ALiBi from the number of heads. A pruned model carries {@code head_dim}, {@code
 * intermediate_size} and {@link KeptHeads}, which only MiniLLM reads.
 */
record BloomConfig(
    JsonObject json,
    ModelConfig sizes,
    String prefix,
    KeptHeads keptHeads,
    double normEpsilon,
    boolean residualAfterNorm)
    implements FamilyConfig {

  private static final String EMBEDDING = "word_embeddings";
  private static final String HEAD_DIM = "head_dim";
  private static final String INTERMEDIATE_SIZE = "intermediate_size";

  // Old spellings and those of transformers; hidden_size yields to n_embed there too.
  private static final ImmutableList<String> HIDDEN_SIZE =
      ImmutableList.of("n_embed", "hidden_size");
  private static final ImmutableList<String> HEADS =
      ImmutableList.of("num_attention_heads", "n_head");
  private static final ImmutableList<String> LAYERS =
      ImmutableList.of("num_hidden_layers", "n_layer");

  private static final int DENSE_MLP_FACTOR = 4;

  static BloomConfig parse(JsonObject written, Map<String, Shape> stored) {
    JsonObject json = PythonClasses.stock(written);
    ConfigReader config = new ConfigReader(json, stored);
    config.refuseQuantised();
    int hiddenSize = config.size(config.firstOf(HIDDEN_SIZE));
    int headDim = config.headDim(hiddenSize, headsKey(config));
    KeptHeads kept = KeptHeads.parse(config, headsKey(config));
    ModelConfig sizes =
        ModelConfig.builder("bloom", layers(config, hiddenSize, headDim, kept))
            .hiddenSize(hiddenSize)
            .vocabSize(config.size("vocab_size"))
            .maxPositions(config.countOr("seq_length", 2048))
            .headDim(headDim)
            .tiedHead(config.flagOr("tie_word_embeddings", true))
            .build();
    return new BloomConfig(
        json,
        sizes,
        ModelTable.prefix(stored, EMBEDDING + ".weight", "transformer.", ""),
        kept,
        config.positiveOr("layer_norm_epsilon", 1e-5),
        config.flagOr("apply_residual_connection_post_layernorm", false));
  }

  private static String headsKey(ConfigReader config) {
    return config.firstOf(HEADS);
  }

  private static ImmutableList<LayerShape> layers(
      ConfigReader config, int hiddenSize, int headDim, KeptHeads kept) {
    String headsKey = headsKey(config);
    int count = config.layers(config.firstOf(LAYERS));
    PerLayerConfig own =
        new PerLayerConfig(config, count, HEADS.get(0), HEADS.get(1), INTERMEDIATE_SIZE);
    kept.requireLayers(count);
    // of queries, keys and values
    long headRows = 3L * headDim;
    Optional<ImmutableList<LayerShape>> listed =
        LayerList.read(config, count, 1, headRows, kept.heads());
    if (listed.isPresent()) {
      return listed.get();
    }
    ImmutableList.Builder<LayerShape> layers = ImmutableList.builder();
    for (int i = 0; i < count; i++) {
      int heads = own.of(i, headsKey).size(headsKey, headRows);
      layers.add(
          new LayerShape(
              heads,
              own.of(i, INTERMEDIATE_SIZE)
                  .sizeOr(INTERMEDIATE_SIZE, (long) DENSE_MLP_FACTOR * hiddenSize),
              kept.inLayer(i, heads)));
    }
    return layers.build();
  }

  @Override
  public PositionScheme positions() {
    return new Alibi(keptHeads.heads());
  }

  @Override
  public ModelTable table() {
    int hidden = sizes.hiddenSize();
    LinearRow embedding = new LinearRow(prefix + EMBEDDING, sizes.vocabSize(), hidden, false);
    ImmutableList.Builder<BlockTable> blocks = ImmutableList.builder();
    for (int i = 0; i < sizes.layers().size(); i++) {
      blocks.add(block(prefix + "h." + i + ".", sizes.layers().get(i)));
    }
    ModelTable.Builder table =
        ModelTable.of(embedding, blocks.build())
            .embeddingNorm(norm(prefix + "word_embeddings_layernorm"))
            .lastNorm(norm(prefix + "ln_f"));
    if (!sizes.tiedHead()) {
      table.head(new LinearRow("lm_head", sizes.vocabSize(), hidden, false));
    }
    return table.build();
  }

  private BlockTable block(String layer, LayerShape shape) {
    int hidden = sizes.hiddenSize();
    int heads = shape.keyValueHeads() * sizes.headDim();
    int channels = shape.intermediateSize();
    return BlockTable.attention(
            norm(layer + "input_layernorm"),
            ImmutableList.of(
                new LinearRow(layer + "self_attention.query_key_value", 3 * heads, hidden, true)),
            new LinearRow(layer + "self_attention.dense", hidden, heads, true))
        .mlp(
            norm(layer + "post_attention_layernorm"),
            ImmutableList.of(new LinearRow(layer + "mlp.dense_h_to_4h", channels, hidden, true)),
            new LinearRow(layer + "mlp.dense_4h_to_h", hidden, channels, true))
        .placement(residualAfterNorm ? NormPlacement.BEFORE_AND_ADDED : NormPlacement.BEFORE)
        .activation(Nonlinearity.GELU_TANH)
        .build();
  }

  private NormRow norm(String path) {
    return new NormRow(path, NormRow.Kind.LAYER, sizes.hiddenSize(), normEpsilon);
  }

  @Override
  public JsonObject render(List<LayerShape> layers) {
    JsonObject rendered = json.deepCopy();
    rendered.addProperty(HEAD_DIM, sizes.headDim());
    PerLayerConfig.render(
        rendered,
        layers,
        (target, shape) -> {
          HEADS.stream()
              .filter(json::has)
              .forEach(key -> target.addProperty(key, shape.keyValueHeads()));
          target.addProperty(INTERMEDIATE_SIZE, shape.intermediateSize());
        });
    keptHeads.render(rendered, layers);
    return rendered;
  }

  @Override
  public Optional<String> stockLoaderObstacle(StockLoader loader, List<LayerShape> layers) {
    int channels = layers.get(0).intermediateSize();
    return PerLayerConfig.unevenLayers(layers)
        .or(() -> PerLayerConfig.lostHeads(sizes, layers.get(0)))
        .or(
            () ->
                channels == DENSE_MLP_FACTOR * sizes.hiddenSize()
                    ? Optional.empty()
                    : Optional.of(
                        "BLOOM's MLP always has 4 * hidden_size = %s channels, and this one has %s"
                            .formatted(DENSE_MLP_FACTOR * sizes.hiddenSize(), channels)));
  }

  @Override
  public Optional<String> codeObstacle(List<LayerShape> layers) {
    int heads = keptHeads.heads();
    return LayerList.splitHeads(sizes)
        .or(
            () ->
                heads * sizes.headDim() == sizes.hiddenSize()
                    ? Optional.empty()
                    : Optional.of(
                        "the slopes of ALiBi are those of %s heads, but %s of width %s make up hidden_size %s"
                            .formatted(
                                heads,
                                sizes.hiddenSize() / sizes.headDim(),
                                sizes.headDim(),
                                sizes.hiddenSize())));
  }

  @Override
  public ModelCode code(List<LayerShape> layers) {
    return PythonClasses.code(
        render(LayerList.alike(layers, keptHeads.heads(), keptHeads.all())), sizes, layers);
  }
}
