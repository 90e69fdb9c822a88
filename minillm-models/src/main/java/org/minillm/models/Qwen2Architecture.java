package org.minillm.models;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import java.util.Map;
import java.util.OptionalInt;
import org.minillm.core.architecture.Architecture;
import org.minillm.core.architecture.Decoder;

/**
 * The Qwen2 family (arXiv 2407.10671), which Qwen2.5 is of too: LLaMA with biases of queries, keys
 * and values, which config.json does not mention, and without one of the output.
 */
public final class Qwen2Architecture implements Architecture {

  /** As transformers has it. */
  private static final int DEFAULT_WINDOW = 4096;

  private static final LlamaVariant QWEN2 =
      LlamaVariant.LLAMA
          .biases(true, false, false)
          .attentionWindow(Qwen2Architecture::attentionWindow);

  /** For the service loader. */
  public Qwen2Architecture() {}

  /** A window slides where {@code use_sliding_window} says so, in some layers or in all. */
  static OptionalInt attentionWindow(ConfigReader config) {
    return config.flagOr("use_sliding_window", false)
        ? OptionalInt.of(config.countOr("sliding_window", DEFAULT_WINDOW))
        : OptionalInt.empty();
  }

  @Override
  public String name() {
    return "qwen2";
  }

  @Override
  public Decoder decoder(JsonObject config, Map<String, Shape> tensors) {
    return QWEN2.decoder(config, tensors);
  }
}
