package org.minillm.models;

import com.google.gson.JsonObject;
import java.util.Set;
import org.minillm.core.model.Architecture;
import org.minillm.core.model.Decoder;

/**
 * The OPT family: learned positions, norms before or after, optional projections of the embedding.
 */
public final class OptArchitecture implements Architecture {

  /** For the service loader. */
  public OptArchitecture() {}

  @Override
  public String name() {
    return "opt";
  }

  @Override
  public Decoder decoder(JsonObject config, Set<String> tensors) {
    return new TransformerDecoder(OptConfig.parse(config, tensors));
  }
}
