package org.minillm.gguf;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelConfig;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.files.JsonNode;
import org.minillm.core.runtime.CausalLm;

/**
 * BLOOM, with as many channels in each layer and all heads: llama.cpp takes the slopes of ALiBi
 * from the number of heads, and the width of attention from the hidden size.
 */
final class BloomForm implements GgufForm {

  private static final String FUSED = ".attn_qkv.";

  private final ModelConfig sizes;
  private final List<LayerShape> layers;
  private final JsonNode config;

  BloomForm(CausalLm model, List<LayerShape> layers) {
    this.sizes = model.config();
    this.layers = ImmutableList.copyOf(layers);
    this.config = new JsonNode("", model.checkpoint().config());
  }

  @Override
  public String architecture() {
    return "bloom";
  }

  @Override
  public Optional<String> obstacle() {
    return GgufForm.commonObstacle(layers).or(this::bloomObstacle);
  }

  private Optional<String> bloomObstacle() {
    if (layers.stream().anyMatch(l -> l.keyValueHeads() * sizes.headDim() != sizes.hiddenSize())) {
      return Optional.of("llama.cpp's BLOOM always has all its heads; prune channels only");
    }
    if (layers.stream().mapToInt(LayerShape::intermediateSize).distinct().count() > 1) {
      return Optional.of(
          "llama.cpp's BLOOM has one number of channels for all layers; prune with the uniform"
              + " allocation");
    }
    return config
            .find("apply_residual_connection_post_layernorm")
            .filter(found -> !found.isNull())
            .map(JsonNode::flag)
            .orElse(false)
        ? Optional.of(
            "llama.cpp's BLOOM adds what comes before the norm"
                + " (apply_residual_connection_post_layernorm is true)")
        : Optional.empty();
  }

  @Override
  public ImmutableMap<String, GgufValue> metadata() {
    LayerShape layer = layers.get(0);
    double epsilon =
        config
            .find("layer_norm_epsilon")
            .filter(JsonNode::isNumber)
            .map(JsonNode::number)
            .orElse(1e-5);
    return ImmutableMap.<String, GgufValue>builder()
        .put("block_count", GgufValue.uint32(layers.size()))
        .put("context_length", GgufValue.uint32(sizes.maxPositions()))
        .put("embedding_length", GgufValue.uint32(sizes.hiddenSize()))
        .put("feed_forward_length", GgufValue.uint32(layer.intermediateSize()))
        .put("attention.head_count", GgufValue.uint32(layer.keyValueHeads()))
        .put("attention.head_count_kv", GgufValue.uint32(layer.keyValueHeads()))
        .put("attention.layer_norm_epsilon", GgufValue.float32(epsilon))
        .put("vocab_size", GgufValue.uint32(sizes.vocabSize()))
        .buildOrThrow();
  }

  @Override
  public ImmutableMap<String, TensorParts> tensors(Map<String, TensorOutput> tensors) {
    ImmutableMap.Builder<String, TensorParts> parts = ImmutableMap.builder();
    tensors.forEach(
        (source, tensor) -> {
          String name = TensorNames.BLOOM.gguf(source).orElseThrow();
          parts.put(
              name, name.contains(FUSED) ? apart(tensor) : TensorParts.of(tensor, RowGroups.ALL));
        });
    return parts.buildOrThrow();
  }

  /** Hugging Face has queries, keys and values of each head together, llama.cpp those of a kind. */
  private TensorParts apart(TensorOutput fused) {
    ImmutableList.Builder<TensorParts.Part> parts = ImmutableList.builder();
    for (int role = 0; role < 3; role++) {
      parts.add(new TensorParts.Part(fused, RowGroups.part(role, 3, sizes.headDim())));
    }
    return new TensorParts(parts.build());
  }
}
