package org.minillm.examples;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.Map;
import org.minillm.core.model.Architecture;
import org.minillm.core.model.Decoder;
import org.minillm.models.LlamaArchitecture;

/**
 * The Mistral family (arXiv 2310.06825), as an example of a plug-in: it computes what LLaMA
 * computes, under another name, as long as no attention window slides over the text.
 */
public final class MistralArchitecture implements Architecture {

  /** For the service loader. */
  public MistralArchitecture() {}

  @Override
  public String name() {
    return "mistral";
  }

  @Override
  public Decoder decoder(JsonObject config, Map<String, Shape> tensors) {
    JsonElement window = config.get("sliding_window");
    if (window != null && !window.isJsonNull()) {
      throw new IllegalArgumentException(
          "sliding_window is " + window + ", expected null: attention here sees all");
    }
    return new LlamaArchitecture().decoder(config, tensors);
  }
}
