package org.minillm.models;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import java.util.Map;
import org.minillm.core.architecture.Architecture;
import org.minillm.core.architecture.Decoder;

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
  public Decoder decoder(JsonObject config, Map<String, Shape> tensors) {
    return new TransformerDecoder(OptConfig.parse(config, tensors));
  }
}
