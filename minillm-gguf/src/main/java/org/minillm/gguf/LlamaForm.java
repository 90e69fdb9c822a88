package org.minillm.gguf;

import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableIntArray;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToIntFunction;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelConfig;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.checkpoint.TensorType;
import org.minillm.core.files.JsonNode;
import org.minillm.core.runtime.CausalLm;

/**
 * LLaMA, Mistral, Qwen2 and Qwen3. Where all layers are of one size they have architectures of
 * their own; where the layers differ:
 *
 * <ul>
 *   <li>{@code deci} (DeciLM, Nemotron) has sizes, and takes biases, for each layer: all but Qwen3;
 *   <li>{@code openelm} has sizes for each layer, norms of queries and keys, queries, keys and
 *       values in one tensor, and a tied head: Qwen3 where its head is tied.
 * </ul>
 *
 * Qwen2's own takes no heads away: its queries are as wide as the hidden size. Such a model is a
 * {@code deci}, too, and so is one with the frequencies of LLaMA 3, which Qwen2's does not read.
 */
final class LlamaForm implements GgufForm {

  private static final String Q = ".attn_q.";
  private static final String K = ".attn_k.";
  private static final String V = ".attn_v.";

  private final CausalLm model;
  private final ModelConfig sizes;
  private final List<LayerShape> layers;
  private final RotaryKeys rotary;
  private final JsonNode config;
  private final boolean uneven;
  private final String architecture;

  LlamaForm(CausalLm model, List<LayerShape> layers) {
    this.model = model;
    this.sizes = model.config();
    this.layers = ImmutableList.copyOf(layers);
    this.config = new JsonNode("", model.checkpoint().config());
    this.rotary = RotaryKeys.of(model.checkpoint().config());
    this.uneven = layers.stream().map(LayerShape::sizes).distinct().count() > 1;
    this.architecture = chosen();
  }

  private String chosen() {
    return switch (sizes.modelType()) {
      case "qwen3" -> uneven ? "openelm" : "qwen3";
      case "qwen2" -> uneven || lostHeads() || rotary.isLlama3() ? "deci" : "qwen2";
      default -> uneven ? "deci" : "llama";
    };
  }

  private boolean lostHeads() {
    return layers.stream().anyMatch(layer -> queryWidth(layer) != sizes.hiddenSize());
  }

  private int queryHeads(LayerShape layer) {
    return layer.keyValueHeads() * sizes.queryHeadsPerKeyValueHead();
  }

  private int queryWidth(LayerShape layer) {
    return queryHeads(layer) * sizes.headDim();
  }

  @Override
  public String architecture() {
    return architecture;
  }

  private boolean normsHeads() {
    return sizes.modelType().equals("qwen3");
  }

  /** llama and deci turn neighbouring channels, the others those half a head apart. */
  private boolean turnsNeighbours() {
    return architecture.equals("llama") || architecture.equals("deci");
  }

  @Override
  public Optional<String> obstacle() {
    return GgufForm.commonObstacle(layers).or(this::headNormsObstacle);
  }

  private Optional<String> headNormsObstacle() {
    if (!normsHeads()) {
      return Optional.empty();
    }
    if (model.decoder().tensors().keySet().stream().anyMatch(name -> name.endsWith(".bias"))) {
      return Optional.of("llama.cpp's Qwen3 has no biases, and this model has");
    }
    if (rotary.isLlama3()) {
      return Optional.of("llama.cpp's Qwen3 does not scale positions as LLaMA 3 does");
    }
    return uneven && !sizes.tiedHead()
        ? Optional.of(
            "no architecture of llama.cpp has layers of different sizes, norms of queries and keys,"
                + " and a head of its own; prune with the uniform allocation, or write the masked"
                + " form and convert that")
        : Optional.empty();
  }

  @Override
  public ImmutableMap<String, GgufValue> metadata() {
    Map<String, GgufValue> keys = new java.util.LinkedHashMap<>();
    keys.put("block_count", GgufValue.uint32(layers.size()));
    keys.put("context_length", GgufValue.uint32(contextLength()));
    keys.put("embedding_length", GgufValue.uint32(sizes.hiddenSize()));
    keys.put("feed_forward_length", perLayer(LayerShape::intermediateSize));
    keys.put("attention.head_count", perLayer(this::queryHeads));
    keys.put("attention.head_count_kv", perLayer(LayerShape::keyValueHeads));
    keys.put("attention.key_length", GgufValue.uint32(sizes.headDim()));
    keys.put("attention.value_length", GgufValue.uint32(sizes.headDim()));
    keys.put(
        "attention.layer_norm_rms_epsilon",
        GgufValue.float32(
            config
                .find("rms_norm_eps")
                .filter(JsonNode::isNumber)
                .map(JsonNode::number)
                .orElse(1e-6)));
    keys.put("rope.dimension_count", GgufValue.uint32(sizes.headDim()));
    keys.put("rope.freq_base", GgufValue.float32(rotary.theta()));
    rotary
        .linearFactor()
        .ifPresent(
            factor -> {
              keys.put("rope.scaling.type", GgufValue.text("linear"));
              keys.put("rope.scaling.factor", GgufValue.float32(factor));
            });
    keys.put("vocab_size", GgufValue.uint32(sizes.vocabSize()));
    return ImmutableMap.copyOf(keys);
  }

  /** llama.cpp lets nothing slide here: as far as the window reaches, nothing has to. */
  private int contextLength() {
    boolean slides =
        sizes.modelType().equals("mistral")
            ? config.find("sliding_window").map(window -> !window.isNull()).orElse(true)
            : config.find("use_sliding_window").map(JsonNode::flag).orElse(false);
    int window =
        config
            .find("sliding_window")
            .filter(JsonNode::isNumber)
            .map(JsonNode::integer)
            .orElse(4096);
    return slides ? Math.min(sizes.maxPositions(), window) : sizes.maxPositions();
  }

  private GgufValue perLayer(ToIntFunction<LayerShape> size) {
    return architecture.equals("deci") || architecture.equals("openelm")
        ? GgufValue.int32s(ImmutableIntArray.copyOf(layers.stream().mapToInt(size)))
        : GgufValue.uint32(size.applyAsInt(layers.get(0)));
  }

  @Override
  public ImmutableMap<String, TensorParts> tensors(Map<String, TensorOutput> tensors) {
    ImmutableMap.Builder<String, TensorParts> parts = ImmutableMap.builder();
    if (rotary.isLlama3()) {
      float[] factors = rotary.llama3Factors(sizes.headDim());
      parts.put("rope_freqs.weight", TensorParts.of(constant(factors), RowGroups.ALL));
    }
    Map<String, TensorOutput> named = new HashMap<>();
    tensors.forEach(
        (name, tensor) -> TensorNames.LLAMA.gguf(name).ifPresent(n -> named.put(n, tensor)));
    for (String source : tensors.keySet()) {
      String name = TensorNames.LLAMA.gguf(source).orElseThrow();
      TensorOutput tensor = tensors.get(source);
      if (architecture.equals("openelm") && name.contains(Q)) {
        parts.put(name.replace(Q, ".attn_qkv."), fused(name, named));
      } else if (!architecture.equals("openelm") || !name.contains(K) && !name.contains(V)) {
        boolean turned = turnsNeighbours() && (name.contains(Q) || name.contains(K));
        parts.put(
            name,
            TensorParts.of(tensor, turned ? RowGroups.rotary(sizes.headDim()) : RowGroups.ALL));
      }
    }
    return parts.buildOrThrow();
  }

  private static TensorParts fused(String queries, Map<String, TensorOutput> named) {
    ImmutableList.Builder<TensorParts.Part> parts = ImmutableList.builder();
    for (String role : List.of(Q, K, V)) {
      TensorOutput source = java.util.Objects.requireNonNull(named.get(queries.replace(Q, role)));
      parts.add(new TensorParts.Part(source, RowGroups.ALL));
    }
    return new TensorParts(parts.build());
  }

  private static TensorOutput constant(float[] numbers) {
    return new TensorOutput(
        new TensorInfo("rope_freqs", TensorType.F32, new Shape(numbers.length)),
        out -> {
          ByteBuffer bytes =
              ByteBuffer.allocate(numbers.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
          bytes.asFloatBuffer().put(numbers);
          while (bytes.hasRemaining()) {
            out.write(bytes);
          }
        });
  }
}
