package org.minillm.gguf;

import com.google.common.collect.ImmutableMap;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.math.BigDecimal;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.minillm.core.files.MalformedFileException;

/** Makes of the keys of a file the config.json that the model would have in a folder. */
final class GgufConfig {

  private static final ImmutableMap<String, String> CLASSES =
      ImmutableMap.of(
          "llama", "LlamaForCausalLM",
          "mistral", "MistralForCausalLM",
          "qwen2", "Qwen2ForCausalLM",
          "qwen3", "Qwen3ForCausalLM",
          "bloom", "BloomForCausalLM");

  private final GgufKeys keys;
  private final String architecture;
  private final Map<String, GgufHeader.Entry> tensors;

  GgufConfig(GgufKeys keys, Map<String, GgufHeader.Entry> tensors) throws MalformedFileException {
    this.keys = keys;
    this.architecture = keys.requiredText("general.architecture");
    this.tensors = tensors;
  }

  /** Says which family of Hugging Face's computes what the file's architecture does. */
  String modelType() throws MalformedFileException {
    return switch (architecture) {
      case "llama" -> has("attention.sliding_window") ? "mistral" : "llama";
      case "deci" -> bias("attn_q") && !bias("attn_output") ? "qwen2" : "llama";
      case "qwen2", "qwen3", "bloom" -> architecture;
      // another program's may be Apple's model, whose MLP is another
      case "openelm" -> {
        if (!keys.has("minillm.export")) {
          throw unknownArchitecture();
        }
        yield "qwen3";
      }
      default -> throw unknownArchitecture();
    };
  }

  private MalformedFileException unknownArchitecture() {
    return keys.refuse(
        "architecture \"%s\", expected one of llama, deci, qwen2, qwen3, bloom"
            .formatted(architecture));
  }

  private boolean has(String key) {
    return keys.has(architecture + "." + key);
  }

  private String key(String key) {
    return architecture + "." + key;
  }

  private boolean bias(String name) {
    return tensors.containsKey("blk.0." + name + ".bias");
  }

  /** Layers of the model. */
  int layers() throws MalformedFileException {
    int layers = keys.requiredCount(key("block_count"));
    if (layers < 1 || layers > tensors.size()) {
      throw keys.refuse("%d layers, but %d tensors in all".formatted(layers, tensors.size()));
    }
    return layers;
  }

  /** Query heads of each layer. */
  List<Integer> queryHeads() throws MalformedFileException {
    return keys.counts(key("attention.head_count"), layers());
  }

  List<Integer> keyValueHeads() throws MalformedFileException {
    return has("attention.head_count_kv")
        ? keys.counts(key("attention.head_count_kv"), layers())
        : queryHeads();
  }

  int hiddenSize() throws MalformedFileException {
    return keys.requiredCount(key("embedding_length"));
  }

  int headDim() throws MalformedFileException {
    Optional<Integer> given = keys.count(key("attention.key_length"));
    int heads = Collections.max(queryHeads());
    if (given.isEmpty() && (heads == 0 || hiddenSize() % heads != 0)) {
      throw keys.missing(key("attention.key_length"));
    }
    int headDim = given.isPresent() ? given.get() : hiddenSize() / heads;
    for (String width : List.of("attention.value_length", "rope.dimension_count")) {
      int found = keys.count(key(width)).orElse(headDim);
      if (found != headDim) {
        throw keys.refuse(
            "%s is %d, expected the width of a head, %d".formatted(key(width), found, headDim));
      }
    }
    return headDim;
  }

  JsonObject json(Optional<RotaryKeys> llama3) throws MalformedFileException {
    if (keys.count(key("expert_count")).orElse(0) > 0) {
      throw keys.refuse("a mixture of experts, expected a dense model");
    }
    String modelType = modelType();
    JsonObject json = new JsonObject();
    JsonArray classes = new JsonArray();
    classes.add(CLASSES.get(modelType));
    json.add("architectures", classes);
    json.addProperty("model_type", modelType);
    id("bos").ifPresent(id -> json.addProperty("bos_token_id", id));
    id("eos").ifPresent(id -> json.addProperty("eos_token_id", id));
    json.addProperty("hidden_size", hiddenSize());
    json.addProperty("vocab_size", vocabulary());
    json.addProperty("tie_word_embeddings", !tensors.containsKey("output.weight"));
    json.addProperty("torch_dtype", dtype());
    if (modelType.equals("bloom")) {
      addBloom(json);
    } else {
      addLlama(json, modelType, llama3);
    }
    return json;
  }

  private Optional<Integer> id(String role) throws MalformedFileException {
    return keys.count("tokenizer.ggml." + role + "_token_id");
  }

  private long vocabulary() throws MalformedFileException {
    GgufHeader.Entry embedding = tensors.get("token_embd.weight");
    if (embedding == null) {
      throw keys.refuse("no tensor token_embd.weight, expected a whole model");
    }
    return embedding.shape().get(0);
  }

  /** What a folder's weights are, those of quantised tensors rounded. */
  private String dtype() {
    GgufHeader.Entry embedding = tensors.get("token_embd.weight");
    GgufType type = embedding == null ? GgufType.F16 : embedding.type();
    return switch (type) {
      case F32 -> "float32";
      case BF16 -> "bfloat16";
      default -> "float16";
    };
  }

  private void addBloom(JsonObject json) throws MalformedFileException {
    List<Integer> heads = queryHeads();
    json.addProperty("n_layer", layers());
    json.addProperty("n_head", heads.get(0));
    json.addProperty("seq_length", keys.requiredCount(key("context_length")));
    json.addProperty("layer_norm_epsilon", exact(key("attention.layer_norm_epsilon")));
    int channels = keys.requiredCount(key("feed_forward_length"));
    if (channels != 4 * hiddenSize()) {
      json.addProperty("intermediate_size", channels);
    }
  }

  private void addLlama(JsonObject json, String modelType, Optional<RotaryKeys> llama3)
      throws MalformedFileException {
    json.addProperty("hidden_act", "silu");
    json.addProperty("head_dim", headDim());
    json.addProperty("num_hidden_layers", layers());
    json.addProperty("max_position_embeddings", keys.requiredCount(key("context_length")));
    json.addProperty("rms_norm_eps", exact(key("attention.layer_norm_rms_epsilon")));
    json.addProperty("rope_theta", theta());
    if (modelType.equals("llama")) {
      json.addProperty("attention_bias", bias("attn_q"));
      json.addProperty("mlp_bias", bias("ffn_up"));
    }
    if (modelType.equals("mistral")) {
      json.addProperty("sliding_window", keys.requiredCount(key("attention.sliding_window")));
    }
    addScaling(json, llama3);
    addLayers(json);
  }

  double theta() throws MalformedFileException {
    return keys.number(key("rope.freq_base")).orElse(10000.0);
  }

  private void addScaling(JsonObject json, Optional<RotaryKeys> llama3)
      throws MalformedFileException {
    if (llama3.isPresent()) {
      json.add("rope_scaling", llama3.get().scaling().element());
      return;
    }
    String type =
        keys.text(key("rope.scaling.type")).orElse(has("rope.scale_linear") ? "linear" : "none");
    if (type.equals("none")) {
      return;
    }
    if (!type.equals(RotaryKeys.LINEAR)) {
      throw keys.refuse(
          "%s is \"%s\", expected none or linear".formatted(key("rope.scaling.type"), type));
    }
    double factor =
        keys.number(key("rope.scaling.factor"))
            .orElse(keys.number(key("rope.scale_linear")).orElse(1.0));
    JsonObject scaling = new JsonObject();
    scaling.addProperty("rope_type", RotaryKeys.LINEAR);
    scaling.addProperty("factor", factor);
    json.add("rope_scaling", scaling);
  }

  private void addLayers(JsonObject json) throws MalformedFileException {
    Map<String, List<Integer>> sizes = new TreeMap<>();
    sizes.put("num_attention_heads", queryHeads());
    sizes.put("num_key_value_heads", keyValueHeads());
    sizes.put("intermediate_size", keys.counts(key("feed_forward_length"), layers()));
    sizes.forEach((key, values) -> json.addProperty(key, Collections.max(values)));
    JsonObject own = new JsonObject();
    for (int layer = 0; layer < layers(); layer++) {
      JsonObject ofLayer = new JsonObject();
      for (Map.Entry<String, List<Integer>> size : sizes.entrySet()) {
        int value = size.getValue().get(layer);
        if (value != json.get(size.getKey()).getAsInt()) {
          ofLayer.addProperty(size.getKey(), value);
        }
      }
      if (!ofLayer.isEmpty()) {
        own.add(Integer.toString(layer), ofLayer);
      }
    }
    if (!own.isEmpty()) {
      json.add("per_layer_config", own);
    }
  }

  /** The shortest number that is the file's float32. */
  private BigDecimal exact(String key) throws MalformedFileException {
    double number = keys.number(key).orElseThrow(() -> keys.missing(key));
    return new BigDecimal(Float.toString((float) number));
  }
}
