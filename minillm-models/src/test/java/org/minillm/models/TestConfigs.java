package org.minillm.models;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.IntStream;
import org.minillm.core.architecture.Architecture;
import org.minillm.core.architecture.Decoder;

/** Small config.json texts, one a family, to be changed by tests. */
final class TestConfigs {

  static final String LLAMA =
      """
      {"model_type": "llama", "hidden_size": 48, "num_hidden_layers": 2, "vocab_size": 100,
       "num_attention_heads": 6, "num_key_value_heads": 3, "intermediate_size": 20}
      """;

  static final String OPT =
      """
      {"model_type": "opt", "hidden_size": 48, "num_hidden_layers": 2, "vocab_size": 100,
       "num_attention_heads": 6, "ffn_dim": 20, "max_position_embeddings": 64}
      """;

  static final String BLOOM =
      """
      {"model_type": "bloom", "hidden_size": 48, "n_layer": 2, "vocab_size": 100, "n_head": 6}
      """;

  private TestConfigs() {}

  static JsonObject json(String text) {
    return JsonParser.parseString(text).getAsJsonObject();
  }

  /** A config with some keys set to other values, or to new ones. */
  static JsonObject with(String text, String changes) {
    JsonObject config = json(text);
    json(changes).entrySet().forEach(change -> config.add(change.getKey(), change.getValue()));
    return config;
  }

  static Decoder decoder(JsonObject config, String... tensors) {
    Architecture architecture =
        switch (config.get("model_type").getAsString()) {
          case "opt" -> new OptArchitecture();
          case "mistral" -> new MistralArchitecture();
          case "qwen2" -> new Qwen2Architecture();
          case "qwen3" -> new Qwen3Architecture();
          case "bloom" -> new BloomArchitecture();
          default -> new LlamaArchitecture();
        };
    Map<String, Shape> stored = new HashMap<>();
    for (String name : tensors) {
      stored.put(name, new Shape(1 << 16));
      // enough for some layers
      IntStream.range(0, 100).forEach(i -> stored.put(name + "." + i, new Shape(1)));
    }
    return architecture.decoder(config, stored);
  }
}
