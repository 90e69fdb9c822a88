package org.minillm.models;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import java.util.Map;
import java.util.OptionalInt;
import org.minillm.core.architecture.Architecture;
import org.minillm.core.architecture.Decoder;

/**
 * The Mistral family (arXiv 2310.06825): LLaMA without biases, in its first versions with a window
 * that slides over the text.
 */
public final class MistralArchitecture implements Architecture {

  /** Of a config.json without the key, as transformers has it. */
  private static final int DEFAULT_WINDOW = 4096;

  private static final LlamaVariant MISTRAL =
      LlamaVariant.LLAMA
          .biases(false, false, false)
          .attentionWindow(MistralArchitecture::attentionWindow);

  /** For the service loader. */
  public MistralArchitecture() {}

  /** None where the key is null. */
  private static OptionalInt attentionWindow(ConfigReader config) {
    String key = "sliding_window";
    return config.keys().contains(key) && !config.has(key)
        ? OptionalInt.empty()
        : OptionalInt.of(config.countOr(key, DEFAULT_WINDOW));
  }

  @Override
  public String name() {
    return "mistral";
  }

  @Override
  public Decoder decoder(JsonObject config, Map<String, Shape> tensors) {
    return MISTRAL.decoder(config, tensors);
  }
}
