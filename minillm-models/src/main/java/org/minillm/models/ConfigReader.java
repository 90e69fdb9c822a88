package org.minillm.models;

import static com.google.common.collect.ImmutableList.toImmutableList;

import com.google.common.base.Joiner;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.Streams;
import com.google.common.primitives.ImmutableIntArray;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * Reads config.json key by key; every complaint names the key, what it holds and what may be there.
 */
final class ConfigReader {

  private final JsonObject config;
  private final String path;

  ConfigReader(JsonObject config) {
    this(config, "config.json");
  }

  private ConfigReader(JsonObject config, String path) {
    this.config = config;
    this.path = path;
  }

  boolean has(String key) {
    return config.has(key) && !config.get(key).isJsonNull();
  }

  int sizeOr(String key, int otherwise) {
    return has(key) ? size(key) : otherwise;
  }

  int size(String key) {
    if (!has(key)) {
      throw missing(key);
    }
    int value = read(key, "a whole number", element -> element.getAsBigDecimal().intValueExact());
    if (value < 1) {
      throw new IllegalArgumentException(
          path + ": " + key + " is " + value + ", expected at least 1");
    }
    return value;
  }

  /** Returns the first key that is there, or the last one, to be complained about. */
  String firstOf(List<String> keys) {
    return keys.stream().filter(this::has).findFirst().orElse(keys.get(keys.size() - 1));
  }

  /** Reads {@code head_dim}, or divides hidden_size among the heads. */
  int headDim(int hiddenSize, String headsKey) {
    int heads = size(headsKey);
    if (!has("head_dim") && hiddenSize % heads != 0) {
      throw unsupported(
          headsKey, heads, "a divisor of hidden_size " + hiddenSize + ", or head_dim set");
    }
    return sizeOr("head_dim", hiddenSize / heads);
  }

  /** Reads lists of numbers from 0 to limit - 1, ascending in each list. */
  ImmutableList<ImmutableIntArray> ascendingLists(String key, int limit) {
    if (!has(key)) {
      throw missing(key);
    }
    return read(
        key,
        "lists of ascending numbers from 0 to " + (limit - 1),
        lists ->
            Streams.stream(lists.getAsJsonArray())
                .map(list -> ascending(list.getAsJsonArray(), limit))
                .collect(toImmutableList()));
  }

  private static ImmutableIntArray ascending(JsonArray list, int limit) {
    ImmutableIntArray.Builder numbers = ImmutableIntArray.builder();
    int least = 0;
    for (JsonElement element : list) {
      int number = element.getAsBigDecimal().intValueExact();
      if (number < least || number >= limit) {
        throw new IllegalStateException(number + " is out of order");
      }
      numbers.add(number);
      least = number + 1;
    }
    return numbers.build();
  }

  double numberOr(String key, double otherwise) {
    return has(key) ? read(key, "a number", JsonElement::getAsDouble) : otherwise;
  }

  double number(String key) {
    if (!has(key)) {
      throw missing(key);
    }
    return numberOr(key, Double.NaN);
  }

  boolean flagOr(String key, boolean otherwise) {
    return has(key)
        ? read(
            key,
            "true or false",
            element -> {
              if (!element.getAsJsonPrimitive().isBoolean()) {
                throw new IllegalStateException("not a boolean");
              }
              return element.getAsBoolean();
            })
        : otherwise;
  }

  Optional<String> text(String key) {
    return has(key) ? Optional.of(read(key, "a text", JsonElement::getAsString)) : Optional.empty();
  }

  Optional<ConfigReader> section(String key) {
    return has(key)
        ? Optional.of(
            new ConfigReader(
                read(key, "an object", JsonElement::getAsJsonObject), path + ": " + key))
        : Optional.empty();
  }

  /** Reads a text that must be one of a few. */
  String choice(String key, String otherwise, List<String> choices) {
    String chosen = text(key).orElse(otherwise);
    if (!choices.contains(chosen)) {
      throw unsupported(key, '"' + chosen + '"', '"' + Joiner.on("\" or \"").join(choices) + '"');
    }
    return chosen;
  }

  void refuseQuantised() {
    if (has("quantization_config")) {
      throw new IllegalArgumentException(
          path
              + ": quantization_config is set; quantised weights cannot be pruned; use the"
              + " unquantised model");
    }
  }

  IllegalArgumentException unsupported(String key, Object found, String expected) {
    return new IllegalArgumentException(
        path + ": " + key + " is " + found + ", expected " + expected);
  }

  private IllegalArgumentException missing(String key) {
    return new IllegalArgumentException(path + ": " + key + " is missing");
  }

  private <T> T read(String key, String expected, Function<JsonElement, T> as) {
    try {
      return as.apply(config.get(key));
    } catch (IllegalStateException
        | UnsupportedOperationException
        | ArithmeticException
        | NumberFormatException
        | ClassCastException e) {
      throw new IllegalArgumentException(
          path + ": " + key + " is " + config.get(key) + ", expected " + expected, e);
    }
  }
}
