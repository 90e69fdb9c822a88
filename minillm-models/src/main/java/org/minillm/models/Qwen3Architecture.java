package org.minillm.models;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import java.util.Map;
import org.minillm.core.architecture.Architecture;
import org.minillm.core.architecture.Decoder;

/**
 * The dense Qwen3 family (arXiv 2505.09388): LLaMA with an RMS norm of each head's queries and
 * keys, and heads whose width config.json names.
 */
public final class Qwen3Architecture implements Architecture {

  private static final LlamaVariant QWEN3 =
      LlamaVariant.LLAMA.headNorms().attentionWindow(Qwen2Architecture::attentionWindow);

  /** For the service loader. */
  public Qwen3Architecture() {}

  @Override
  public String name() {
    return "qwen3";
  }

  @Override
  public Decoder decoder(JsonObject config, Map<String, Shape> tensors) {
    return QWEN3.decoder(config, tensors);
  }
}
