package org.minillm.gguf;

import com.google.common.collect.ImmutableMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.runtime.CausalLm;

/**
 * How models of a family stand in a GGUF file: under which of llama.cpp's architectures, with which
 * keys, and which tensors of the checkpoint make which of the file.
 */
interface GgufForm {

  /** llama.cpp's tables of layers have so many entries. */
  int MAX_LAYERS = 512;

  /** Name of llama.cpp's architecture, and prefix of the keys. */
  String architecture();

  /** Tells why the model cannot be said, with the nearest that can. */
  Optional<String> obstacle();

  /** Keys and values beside the architecture's general ones, without the tokenizer's. */
  ImmutableMap<String, GgufValue> metadata();

  /**
   * Maps the tensors.
   *
   * @param tensors what the model computes with, by its name in the checkpoint
   * @return by name in the file, in its order
   */
  ImmutableMap<String, TensorParts> tensors(Map<String, TensorOutput> tensors);

  /**
   * Finds the form of a model.
   *
   * @param model the dense one
   * @param layers the shapes that are written
   * @throws IllegalArgumentException if the family has none; the message says why
   */
  static GgufForm of(CausalLm model, List<LayerShape> layers) {
    String family = model.config().modelType();
    return switch (family) {
      case "llama", "mistral", "qwen2", "qwen3" -> new LlamaForm(model, layers);
      case "bloom" -> new BloomForm(model, layers);
      case "opt" ->
          throw new IllegalArgumentException(
              "llama.cpp has no OPT models; write a folder for transformers instead");
      default ->
          throw new IllegalArgumentException(
              "no GGUF form of the family "
                  + family
                  + " is known here; the families are llama, mistral, qwen2, qwen3 and bloom");
    };
  }

  /** Refuses what no architecture of llama.cpp takes. */
  static Optional<String> commonObstacle(List<LayerShape> layers) {
    if (layers.size() > MAX_LAYERS) {
      return Optional.of(
          "%s layers, and llama.cpp takes %s at most".formatted(layers.size(), MAX_LAYERS));
    }
    for (int i = 0; i < layers.size(); i++) {
      LayerShape layer = layers.get(i);
      if (layer.intermediateSize() == 0 || layer.keyValueHeads() == 0) {
        return Optional.of(
            "layer %s keeps no %s, which llama.cpp computes in another way; keep one at least"
                .formatted(i, layer.intermediateSize() == 0 ? "channel" : "head"));
      }
    }
    return Optional.empty();
  }
}
