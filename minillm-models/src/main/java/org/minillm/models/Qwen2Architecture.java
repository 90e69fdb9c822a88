package org.minillm.models;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import java.util.Map;
import org.minillm.core.model.Architecture;
import org.minillm.core.model.Decoder;

/**
 * The Qwen2 family (arXiv 2407.10671), which Qwen2.5 is of too: LLaMA with biases of queries, keys
 * and values, which config.json does not mention, and without one of the output.
 */
public final class Qwen2Architecture implements Architecture {

  private static final String SLIDING_WINDOW = "use_sliding_window";

  /** For the service loader. */
  public Qwen2Architecture() {}

  @Override
  public String name() {
    return "qwen2";
  }

  @Override
  public Decoder decoder(JsonObject config, Map<String, Shape> tensors) {
    ConfigReader reader = new ConfigReader(config, tensors);
    if (reader.flagOr(SLIDING_WINDOW, false)) {
      throw reader.unsupported(SLIDING_WINDOW, true, "false: attention here sees the whole text");
    }
    return new TransformerDecoder(
        LlamaConfig.parse(config, tensors, new LlamaConfig.Biases(true, false, false)));
  }
}
