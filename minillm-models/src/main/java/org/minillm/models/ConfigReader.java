package org.minillm.models;

import static com.google.common.collect.ImmutableList.toImmutableList;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.types.Shape;
import com.google.common.base.Joiner;
import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import com.google.gson.JsonObject;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.minillm.core.files.JsonNode;

/**
 * Reads config.json key by key; every complaint names the key, what it holds and what may be there.
 * No count is returned that the tensors of the checkpoint cannot hold.
 */
public final class ConfigReader {

  private final JsonNode config;
  private final Capacity capacity;

  /**
   * Begins to read.
   *
   * @param config the parsed config.json
   * @param stored the checkpoint's tensors; empty where it is still to be made
   */
  public ConfigReader(JsonObject config, Map<String, Shape> stored) {
    this(
        new JsonNode("", requireNonNull(config, "config")),
        Capacity.of(requireNonNull(stored, "stored")));
  }

  private ConfigReader(JsonNode config, Capacity capacity) {
    this.config = config;
    this.capacity = capacity;
  }

  private Optional<JsonNode> find(String key) {
    return config.find(key).filter(value -> !value.isNull());
  }

  private JsonNode get(String key) {
    return find(key).orElseThrow(() -> config.refuse("key \"" + key + "\" is missing"));
  }

  /**
   * Tells whether a key is there and not null.
   *
   * @param key a key of config.json
   * @return true where it has a value
   */
  public boolean has(String key) {
    return find(key).isPresent();
  }

  /**
   * Reads a number of things that tensors have one row or column for.
   *
   * @param key a key of config.json
   * @return at least 1
   */
  public int size(String key) {
    return bounded(key, count(key), capacity.size());
  }

  /**
   * Reads such a number where it is there.
   *
   * @param key a key of config.json
   * @param otherwise without the key
   * @return at least 1
   */
  public int sizeOr(String key, long otherwise) {
    return has(key) ? size(key) : bounded(key, otherwise, capacity.size());
  }

  /** Reads a number of things that take several rows or columns each. */
  int size(String key, long width) {
    int value = size(key);
    if (value * width > capacity.size()) {
      throw unsupported(
          key,
          value + " of width " + width,
          "at most " + capacity.size() + " together; " + capacity.reason());
    }
    return value;
  }

  /**
   * Reads the number of layers.
   *
   * @param key a key of config.json
   * @return at least 1
   */
  public int layers(String key) {
    return bounded(key, count(key), capacity.layers());
  }

  /**
   * Reads a number of things that no tensor counts.
   *
   * @param key a key of config.json
   * @return at least 1
   */
  public int count(String key) {
    int value = get(key).integer();
    if (value < 1) {
      throw unsupported(key, value, "at least 1");
    }
    return value;
  }

  /**
   * Reads such a number where it is there.
   *
   * @param key a key of config.json
   * @param otherwise without the key
   * @return at least 1
   */
  public int countOr(String key, int otherwise) {
    return has(key) ? count(key) : otherwise;
  }

  private int bounded(String key, long value, int most) {
    if (value > most) {
      throw unsupported(key, value, "at most " + most + "; " + capacity.reason());
    }
    return (int) value;
  }

  /** Returns the first key that is there, or the last one, to be complained about. */
  String firstOf(List<String> keys) {
    return keys.stream().filter(this::has).findFirst().orElse(keys.get(keys.size() - 1));
  }

  /**
   * Reads {@code head_dim}, or divides hidden_size among the heads.
   *
   * @param hiddenSize the width of the residual stream
   * @param headsKey the key of the number of heads
   * @return at least 1
   */
  public int headDim(int hiddenSize, String headsKey) {
    int heads = size(headsKey);
    if (!has("head_dim") && hiddenSize % heads != 0) {
      throw unsupported(
          headsKey, heads, "a divisor of hidden_size " + hiddenSize + ", or head_dim set");
    }
    return sizeOr("head_dim", hiddenSize / heads);
  }

  /** Reads lists of numbers from 0 to limit - 1, ascending in each list. */
  ImmutableList<ImmutableIntArray> ascendingLists(String key, int limit) {
    return get(key).items().stream().map(list -> ascending(list, limit)).collect(toImmutableList());
  }

  /** Reads numbers from 0 to limit - 1, ascending. */
  ImmutableIntArray ascendingList(String key, int limit) {
    return ascending(get(key), limit);
  }

  private static ImmutableIntArray ascending(JsonNode list, int limit) {
    ImmutableIntArray.Builder numbers = ImmutableIntArray.builder();
    int least = 0;
    for (JsonNode item : list.items()) {
      int number = item.integer();
      if (number < least || number >= limit) {
        throw item.expected("ascending numbers from 0 to " + (limit - 1));
      }
      numbers.add(number);
      least = number + 1;
    }
    return numbers.build();
  }

  /**
   * Reads a number above 0 that float32 can tell from 0 and from infinity.
   *
   * @param key a key of config.json
   * @return the number
   */
  public double positive(String key) {
    double value = get(key).number();
    if (!((float) value > 0) || Float.isInfinite((float) value)) {
      throw get(key).expected("a number above 0 within the range of float32");
    }
    return value;
  }

  /**
   * Reads such a number where it is there.
   *
   * @param key a key of config.json
   * @param otherwise without the key
   * @return the number
   */
  public double positiveOr(String key, double otherwise) {
    return has(key) ? positive(key) : otherwise;
  }

  /**
   * Reads true or false.
   *
   * @param key a key of config.json
   * @param otherwise without the key
   * @return what it says
   */
  public boolean flagOr(String key, boolean otherwise) {
    return find(key).map(JsonNode::flag).orElse(otherwise);
  }

  /**
   * Reads a text.
   *
   * @param key a key of config.json
   * @return empty without the key
   */
  public Optional<String> text(String key) {
    return find(key).map(JsonNode::text);
  }

  /**
   * Reads an object.
   *
   * @param key a key of config.json
   * @return empty without the key
   */
  public Optional<ConfigReader> section(String key) {
    return find(key).map(section -> new ConfigReader(objectOf(section), capacity));
  }

  /** Reads a list of objects. */
  ImmutableList<ConfigReader> sections(String key) {
    return get(key).items().stream()
        .map(item -> new ConfigReader(objectOf(item), capacity))
        .collect(toImmutableList());
  }

  private static JsonNode objectOf(JsonNode node) {
    node.object();
    return node;
  }

  /**
   * Names the keys, also those that are null.
   *
   * @return in their order
   */
  public Set<String> keys() {
    return config.keys();
  }

  /** Refuses keys beyond those named: what they ask for would not be done. */
  void requireNoKeysBut(String... known) {
    config.requireNoKeysBut(known);
  }

  /** Refuses objects and lists among the values. */
  void requireFlat() {
    keys().stream()
        .flatMap(key -> find(key).stream())
        .filter(value -> !value.element().isJsonPrimitive())
        .findFirst()
        .ifPresent(
            value -> {
              throw value.expected("a single value");
            });
  }

  /**
   * Reads a text that must be one of a few.
   *
   * @param key a key of config.json
   * @param otherwise without the key
   * @param choices what is computed
   * @return one of them
   */
  public String choice(String key, String otherwise, List<String> choices) {
    String chosen = text(key).orElse(otherwise);
    if (!choices.contains(chosen)) {
      throw get(key).expected('"' + Joiner.on("\" or \"").join(choices) + '"');
    }
    return chosen;
  }

  /** Refuses a model of quantised weights. */
  public void refuseQuantised() {
    for (String key : List.of("quantization_config", "quantization")) {
      if (has(key)) {
        throw config.refuse(
            key + " is set; quantised weights cannot be pruned; use the unquantised model");
      }
    }
  }

  IllegalArgumentException refuse(String why) {
    return config.refuse(why);
  }

  /**
   * Refuses what a key asks for.
   *
   * @param key a key of config.json
   * @param found what it holds
   * @param expected what may be there
   * @return to be thrown
   */
  public IllegalArgumentException unsupported(String key, Object found, String expected) {
    return config.refuse(
        key + " is " + JsonNode.shortened(String.valueOf(found)) + ", expected " + expected);
  }
}
