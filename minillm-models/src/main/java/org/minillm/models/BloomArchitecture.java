package org.minillm.models;

import com.google.gson.JsonObject;
import java.util.Set;
import org.minillm.core.model.Architecture;
import org.minillm.core.model.Decoder;

/** The BLOOM family: fused queries, keys and values, ALiBi, a norm of the embedding. */
public final class BloomArchitecture implements Architecture {

  /** For the service loader. */
  public BloomArchitecture() {}

  @Override
  public String name() {
    return "bloom";
  }

  @Override
  public Decoder decoder(JsonObject config, Set<String> tensors) {
    return new TransformerDecoder(BloomConfig.parse(config, tensors));
  }
}
