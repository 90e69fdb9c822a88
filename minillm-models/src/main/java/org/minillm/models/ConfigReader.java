package org.minillm.models;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
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

  void refuse(String key, String why) {
    if (has(key)) {
      throw new IllegalArgumentException(path + ": " + key + " is set; " + why);
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
