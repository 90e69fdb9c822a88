package org.minillm.models;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.minillm.core.model.Decoder;
import org.minillm.core.model.DecoderBlock;
import org.minillm.core.model.GroupId;
import org.minillm.core.model.GroupKind;
import org.minillm.core.model.LayerShape;
import org.minillm.core.model.ModelConfig;
import org.minillm.core.model.Positions;
import org.minillm.core.model.PruningGroup;
import org.minillm.core.model.TensorSlice;
import org.minillm.core.model.WeightSource;

/** A LLaMA model as its config.json describes it. */
final class LlamaDecoder implements Decoder {

  private static final String EMBEDDING = "model.embed_tokens.weight";
  private static final String LAST_NORM = "model.norm.weight";
  private static final String HEAD = "lm_head.weight";

  private final LlamaConfig config;
  private final JsonObject json;
  private final ImmutableMap<String, Shape> tensors;

  LlamaDecoder(LlamaConfig config, JsonObject json) {
    this.config = config;
    this.json = json.deepCopy();
    this.tensors = allTensors();
  }

  @Override
  public ModelConfig config() {
    return config.sizes();
  }

  @Override
  public ImmutableMap<String, Shape> tensors() {
    return tensors;
  }

  private ImmutableMap<String, Shape> allTensors() {
    ModelConfig sizes = config.sizes();
    ImmutableMap.Builder<String, Shape> all = ImmutableMap.builder();
    all.put(EMBEDDING, new Shape(sizes.vocabSize(), sizes.hiddenSize()));
    for (int layer = 0; layer < sizes.layers().size(); layer++) {
      addLayer(all, layer);
    }
    all.put(LAST_NORM, new Shape(sizes.hiddenSize()));
    if (!sizes.tiedHead()) {
      all.put(HEAD, new Shape(sizes.vocabSize(), sizes.hiddenSize()));
    }
    return all.buildOrThrow();
  }

  private void addLayer(ImmutableMap.Builder<String, Shape> all, int layer) {
    LayerNames names = new LayerNames(layer);
    LayerShape shape = config.sizes().layers().get(layer);
    long hidden = config.sizes().hiddenSize();
    long queries = (long) config.queryHeads(layer) * config.sizes().headDim();
    long keys = (long) shape.keyValueHeads() * config.sizes().headDim();
    all.put(names.inputNorm(), new Shape(hidden));
    addLinear(all, names.query(), queries, hidden, config.attentionBias());
    addLinear(all, names.key(), keys, hidden, config.attentionBias());
    addLinear(all, names.value(), keys, hidden, config.attentionBias());
    addLinear(all, names.output(), hidden, queries, config.attentionBias());
    all.put(names.postAttentionNorm(), new Shape(hidden));
    addLinear(all, names.gate(), shape.intermediateSize(), hidden, config.mlpBias());
    addLinear(all, names.up(), shape.intermediateSize(), hidden, config.mlpBias());
    addLinear(all, names.down(), hidden, shape.intermediateSize(), config.mlpBias());
  }

  private static void addLinear(
      ImmutableMap.Builder<String, Shape> all, String module, long out, long in, boolean bias) {
    all.put(module + ".weight", new Shape(out, in));
    if (bias) {
      all.put(module + ".bias", new Shape(out));
    }
  }

  @Override
  public ImmutableList<PruningGroup> groups(int layer) {
    LayerNames names = new LayerNames(layer);
    LayerShape shape = config.sizes().layers().get(layer);
    int keyWidth = config.sizes().headDim();
    int queryWidth = keyWidth * config.sizes().queryHeadsPerKeyValueHead();

    List<TensorSlice> channels = new ArrayList<>();
    addProducer(channels, names.gate(), 1, names.mlpInput(), config.mlpBias());
    addProducer(channels, names.up(), 1, names.mlpInput(), config.mlpBias());
    channels.add(new TensorSlice(names.down() + ".weight", 1, 1, names.down()));

    List<TensorSlice> heads = new ArrayList<>();
    boolean bias = config.attentionBias();
    addProducer(heads, names.query(), queryWidth, names.attentionInput(), bias);
    addProducer(heads, names.key(), keyWidth, names.attentionInput(), bias);
    addProducer(heads, names.value(), keyWidth, names.attentionInput(), bias);
    heads.add(new TensorSlice(names.output() + ".weight", 1, queryWidth, names.output()));

    return ImmutableList.of(
        new PruningGroup(
            new GroupId(layer, GroupKind.MLP_CHANNELS), shape.intermediateSize(), channels),
        new PruningGroup(
            new GroupId(layer, GroupKind.ATTENTION_HEADS), shape.keyValueHeads(), heads));
  }

  private static void addProducer(
      List<TensorSlice> slices, String module, int width, String input, boolean bias) {
    slices.add(new TensorSlice(module + ".weight", 0, width, input));
    if (bias) {
      slices.add(new TensorSlice(module + ".bias", 0, width, null));
    }
  }

  @Override
  public JsonObject render(List<LayerShape> layers) {
    int perKeyValue = config.sizes().queryHeadsPerKeyValueHead();
    int widestHeads = layers.stream().mapToInt(LayerShape::keyValueHeads).max().orElseThrow();
    int widestMlp = layers.stream().mapToInt(LayerShape::intermediateSize).max().orElseThrow();
    LayerShape widest = new LayerShape(widestHeads, widestMlp);
    JsonObject rendered = json.deepCopy();
    put(rendered, widest, perKeyValue);
    // hidden_size / num_attention_heads no longer tells it once heads are gone
    rendered.addProperty("head_dim", config.sizes().headDim());
    rendered.remove(LlamaConfig.PER_LAYER);
    JsonObject overrides = new JsonObject();
    for (int layer = 0; layer < layers.size(); layer++) {
      if (!layers.get(layer).equals(widest)) {
        JsonObject own = new JsonObject();
        put(own, layers.get(layer), perKeyValue);
        overrides.add(Integer.toString(layer), own);
      }
    }
    if (!overrides.isEmpty()) {
      rendered.add(LlamaConfig.PER_LAYER, overrides);
    }
    return rendered;
  }

  private static void put(JsonObject target, LayerShape shape, int perKeyValue) {
    target.addProperty(LlamaConfig.QUERY_HEADS, shape.keyValueHeads() * perKeyValue);
    target.addProperty(LlamaConfig.KEY_VALUE_HEADS, shape.keyValueHeads());
    target.addProperty(LlamaConfig.INTERMEDIATE_SIZE, shape.intermediateSize());
  }

  @Override
  public NDArray embed(RowSource rows, int[][] ids, NDManager owner) throws IOException {
    int time = ids[0].length;
    int[] flat = new int[ids.length * time];
    for (int i = 0; i < ids.length; i++) {
      System.arraycopy(ids[i], 0, flat, i * time, time);
    }
    return rows.gather(EMBEDDING, flat, owner)
        .reshape(ids.length, time, config.sizes().hiddenSize());
  }

  @Override
  public Positions positions(int length, NDManager owner) {
    return new Positions(
        new NDList(
            CausalAttention.mask(length, owner),
            config.rotary().cosines(length, owner),
            config.rotary().signedSines(length, owner)));
  }

  @Override
  public DecoderBlock block(int layer, WeightSource weights, NDManager owner) throws IOException {
    LayerNames names = new LayerNames(layer);
    boolean bias = config.attentionBias();
    return new LlamaBlock(
        names,
        new RmsNorm(weights.read(names.inputNorm(), owner), config.normEpsilon()),
        linear(weights, names.query(), bias, owner),
        linear(weights, names.key(), bias, owner),
        linear(weights, names.value(), bias, owner),
        linear(weights, names.output(), bias, owner),
        new RmsNorm(weights.read(names.postAttentionNorm(), owner), config.normEpsilon()),
        linear(weights, names.gate(), config.mlpBias(), owner),
        linear(weights, names.up(), config.mlpBias(), owner),
        linear(weights, names.down(), config.mlpBias(), owner),
        config.sizes().headDim());
  }

  private static Linear linear(WeightSource weights, String module, boolean bias, NDManager owner)
      throws IOException {
    return new Linear(
        weights.read(module + ".weight", owner),
        bias ? weights.read(module + ".bias", owner) : null);
  }

  @Override
  public NDArray finalHidden(WeightSource weights, NDArray hidden) throws IOException {
    return new RmsNorm(weights.read(LAST_NORM, hidden.getManager()), config.normEpsilon())
        .apply(hidden);
  }

  @Override
  public String headTensor() {
    return config.sizes().tiedHead() ? EMBEDDING : HEAD;
  }

  /** Module paths of one layer. */
  record LayerNames(int layer) {

    private String in(String module) {
      return "model.layers." + layer + "." + module;
    }

    String inputNorm() {
      return in("input_layernorm.weight");
    }

    String query() {
      return in("self_attn.q_proj");
    }

    String key() {
      return in("self_attn.k_proj");
    }

    String value() {
      return in("self_attn.v_proj");
    }

    String output() {
      return in("self_attn.o_proj");
    }

    String postAttentionNorm() {
      return in("post_attention_layernorm.weight");
    }

    String gate() {
      return in("mlp.gate_proj");
    }

    String up() {
      return in("mlp.up_proj");
    }

    String down() {
      return in("mlp.down_proj");
    }

    String attentionInput() {
      return query();
    }

    String mlpInput() {
      return gate();
    }
  }
}
