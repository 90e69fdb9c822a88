package org.minillm.gguf;

import com.google.gson.JsonObject;
import java.util.Optional;
import org.minillm.core.files.JsonNode;

/**
 * How positions are turned, as config.json says it: {@code rope_parameters}, or {@code rope_theta}
 * and {@code rope_scaling}. The family has read it before and refused what is not known.
 *
 * @param theta base of the frequencies
 * @param type default, linear or llama3
 * @param scaling where the numbers of the type stand
 */
record RotaryKeys(double theta, String type, JsonNode scaling) {

  static final String LINEAR = "linear";
  static final String LLAMA3 = "llama3";

  private static final double DEFAULT_THETA = 10000;

  static RotaryKeys of(JsonObject json) {
    JsonNode config = new JsonNode("", json);
    Optional<JsonNode> parameters = section(config, "rope_parameters");
    Optional<JsonNode> scaling = parameters.or(() -> section(config, "rope_scaling"));
    double theta =
        parameters
            .flatMap(found -> number(found, "rope_theta"))
            .or(() -> number(config, "rope_theta"))
            .orElse(DEFAULT_THETA);
    String type =
        scaling
            .flatMap(found -> text(found, "rope_type").or(() -> text(found, "type")))
            .orElse("default");
    return new RotaryKeys(theta, type, scaling.orElse(config));
  }

  private static Optional<JsonNode> section(JsonNode config, String key) {
    return config.find(key).filter(JsonNode::isObject);
  }

  private static Optional<Double> number(JsonNode node, String key) {
    return node.find(key).filter(JsonNode::isNumber).map(JsonNode::number);
  }

  private static Optional<String> text(JsonNode node, String key) {
    return node.find(key).filter(found -> !found.isNull()).map(JsonNode::text);
  }

  boolean isLlama3() {
    return type.equals(LLAMA3);
  }

  /** By what the positions are divided; empty unless the scaling is linear. */
  Optional<Double> linearFactor() {
    return type.equals(LINEAR) ? Optional.of(scaling.get("factor").number()) : Optional.empty();
  }

  /**
   * Returns by what each frequency is divided, where the scaling is LLaMA 3's: what {@code
   * rope_freqs.weight} holds.
   *
   * @param headDim width of a head
   * @return one number for each pair of channels
   */
  float[] llama3Factors(int headDim) {
    double factor = scaling.get("factor").number();
    double low = scaling.get("low_freq_factor").number();
    double high = scaling.get("high_freq_factor").number();
    double original = scaling.get("original_max_position_embeddings").number();
    float[] factors = new float[headDim / 2];
    for (int i = 0; i < factors.length; i++) {
      double turns = original / (2 * Math.PI * Math.pow(theta, 2.0 * i / headDim));
      double smooth = (turns - low) / (high - low);
      factors[i] =
          (float) (turns < low ? factor : turns > high ? 1 : 1 / ((1 - smooth) / factor + smooth));
    }
    return factors;
  }
}
