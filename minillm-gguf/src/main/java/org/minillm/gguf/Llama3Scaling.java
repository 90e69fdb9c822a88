package org.minillm.gguf;

import com.google.gson.JsonObject;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.IntStream;
import org.minillm.core.files.JsonNode;

/**
 * A file has of LLaMA 3's scaling the factors of the frequencies only. The numbers that they were
 * made of are found by trying those that models have.
 */
final class Llama3Scaling {

  private static final double LOW = 1;
  private static final double HIGH = 4;
  private static final int SHORTEST_BITS = 4;
  private static final int LONGEST_BITS = 20;

  /** The factors are float32. */
  private static final double TOLERANCE = 1e-5;

  private Llama3Scaling() {}

  /**
   * Finds the numbers.
   *
   * @param factors by what each frequency is divided
   * @param theta base of the frequencies
   * @return as config.json says it; empty where no known ones give these factors
   */
  static Optional<RotaryKeys> of(float[] factors, double theta) {
    double factor = IntStream.range(0, factors.length).mapToDouble(i -> factors[i]).max().orElse(1);
    return IntStream.rangeClosed(SHORTEST_BITS, LONGEST_BITS)
        .mapToObj(bits -> keys(theta, factor, 1 << bits))
        .filter(keys -> matches(keys.llama3Factors(factors.length * 2), factors))
        .findFirst();
  }

  private static RotaryKeys keys(double theta, double factor, int original) {
    JsonObject scaling = new JsonObject();
    scaling.addProperty("rope_type", RotaryKeys.LLAMA3);
    scaling.addProperty("factor", factor);
    scaling.addProperty("low_freq_factor", LOW);
    scaling.addProperty("high_freq_factor", HIGH);
    scaling.addProperty("original_max_position_embeddings", original);
    return new RotaryKeys(theta, RotaryKeys.LLAMA3, new JsonNode("", scaling));
  }

  private static boolean matches(float[] some, float[] others) {
    return Arrays.equals(some, others)
        || IntStream.range(0, some.length)
            .allMatch(i -> Math.abs(some[i] - others[i]) <= TOLERANCE * Math.abs(others[i]));
  }
}
