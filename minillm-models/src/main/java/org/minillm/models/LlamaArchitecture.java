package org.minillm.models;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import java.util.Map;
import org.minillm.core.architecture.Architecture;
import org.minillm.core.architecture.Decoder;

/**
 * The LLaMA family: multi-head and grouped-query attention, optional biases, tied and untied heads,
 * rotary positions with default, linear and llama3 scaling.
 */
public final class LlamaArchitecture implements Architecture {

  /** For the service loader. */
  public LlamaArchitecture() {}

  @Override
  public String name() {
    return "llama";
  }

  @Override
  public Decoder decoder(JsonObject config, Map<String, Shape> tensors) {
    return LlamaVariant.LLAMA.decoder(config, tensors);
  }
}
