package org.minillm.models;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import java.util.Map;
import org.minillm.core.architecture.Architecture;
import org.minillm.core.architecture.Decoder;

/** The BLOOM family: fused queries, keys and values, ALiBi, a norm of the embedding. */
public final class BloomArchitecture implements Architecture {

  /** For the service loader. */
  public BloomArchitecture() {}

  @Override
  public String name() {
    return "bloom";
  }

  @Override
  public Decoder decoder(JsonObject config, Map<String, Shape> tensors) {
    return new TransformerDecoder(BloomConfig.parse(config, tensors));
  }
}
