package org.minillm.models;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.Ints;
import com.google.gson.JsonObject;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelConfig;
import org.minillm.core.files.JsonNode;

/**
 * Layers that differ from the rest stand under {@value #KEY}, as in transformers 5: an object of
 * the keys that differ, under the number of the layer.
 */
public final class PerLayerConfig {

  static final String KEY = "per_layer_config";

  private final ConfigReader config;
  private final ImmutableMap<Integer, ConfigReader> own;

  /**
   * Reads what layers have of their own.
   *
   * @param config the whole
   * @param layers how many there are
   * @param keys that a layer may have of its own: those of what pruning changes
   * @throws IllegalArgumentException if there is more, which nobody would do
   */
  public PerLayerConfig(ConfigReader config, int layers, String... keys) {
    requireNonNull(config, "config");
    requireNonNull(keys, "keys");
    this.config = config;
    this.own = config.section(KEY).map(all -> own(all, layers, keys)).orElse(ImmutableMap.of());
  }

  private static ImmutableMap<Integer, ConfigReader> own(
      ConfigReader all, int layers, String... keys) {
    ImmutableMap.Builder<Integer, ConfigReader> own = ImmutableMap.builder();
    for (String number : all.keys()) {
      Integer layer = Ints.tryParse(number);
      if (layer == null || layer < 0 || layer >= layers || !number.equals(layer.toString())) {
        throw all.refuse(
            "layer \"%s\", expected 0 to %s".formatted(JsonNode.shortened(number, 60), layers - 1));
      }
      all.section(number)
          .ifPresent(
              section -> {
                section.requireNoKeysBut(keys);
                own.put(layer, section);
              });
    }
    return own.buildOrThrow();
  }

  /**
   * Returns where a key of one layer stands: in what it has of its own, else in the whole.
   *
   * @param layer from 0
   * @param key one of the keys
   * @return to be asked for the key
   */
  public ConfigReader of(int layer, String key) {
    ConfigReader section = own.get(layer);
    return section != null && section.has(key) ? section : config;
  }

  /**
   * Writes the shapes of all layers: the widest for all, and what differs from it by layer.
   *
   * @param rendered config.json, changed in place
   * @param layers one shape a layer
   * @param spelling puts one shape in the family's own keys
   */
  public static void render(
      JsonObject rendered, List<LayerShape> layers, BiConsumer<JsonObject, LayerShape> spelling) {
    requireNonNull(rendered, "rendered");
    requireNonNull(layers, "layers");
    requireNonNull(spelling, "spelling");
    LayerShape widest =
        new LayerShape(
            layers.stream().mapToInt(LayerShape::keyValueHeads).max().orElseThrow(),
            layers.stream().mapToInt(LayerShape::intermediateSize).max().orElseThrow());
    spelling.accept(rendered, widest);
    rendered.remove(KEY);
    rendered.remove(LayerList.KEY);
    JsonObject overrides = new JsonObject();
    for (int layer = 0; layer < layers.size(); layer++) {
      if (!layers.get(layer).sizes().equals(widest)) {
        JsonObject own = new JsonObject();
        spelling.accept(own, layers.get(layer));
        overrides.add(Integer.toString(layer), own);
      }
    }
    if (!overrides.isEmpty()) {
      rendered.add(KEY, overrides);
    }
  }

  /**
   * Tells stock loaders' first obstacle: layers of different sizes.
   *
   * @param layers one shape a layer
   * @return the obstacle in words; empty where all are of one size
   */
  public static Optional<String> unevenLayers(List<LayerShape> layers) {
    requireNonNull(layers, "layers");
    LayerShape first = layers.get(0).sizes();
    for (int layer = 1; layer < layers.size(); layer++) {
      LayerShape other = layers.get(layer).sizes();
      if (!other.equals(first)) {
        return Optional.of(
            "layers differ in size (layer 0 has %s, layer %s has %s), and stock loaders know one size for all"
                .formatted(words(first), layer, words(other)));
      }
    }
    return Optional.empty();
  }

  /**
   * Tells the obstacle of families whose stock config has no key for the width of a head.
   *
   * @param layer the shape of all layers
   */
  static Optional<String> lostHeads(ModelConfig sizes, LayerShape layer) {
    return layer.keyValueHeads() * sizes.headDim() == sizes.hiddenSize()
        ? Optional.empty()
        : Optional.of(
            "stock loaders take the width of a head to be hidden_size / heads, but %s heads of width %s do not make up hidden_size %s"
                .formatted(layer.keyValueHeads(), sizes.headDim(), sizes.hiddenSize()));
  }

  private static String words(LayerShape shape) {
    return shape.keyValueHeads()
        + " key-value heads and "
        + shape.intermediateSize()
        + " MLP channels";
  }
}
