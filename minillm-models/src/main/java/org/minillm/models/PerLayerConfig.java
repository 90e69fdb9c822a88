package org.minillm.models;

import com.google.gson.JsonObject;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;
import org.minillm.core.model.LayerShape;
import org.minillm.core.model.ModelConfig;

/**
 * Layers that differ from the rest stand under {@value #KEY}, as in transformers 5: an object of
 * the keys that differ, under the number of the layer.
 */
final class PerLayerConfig {

  static final String KEY = "per_layer_config";

  private final ConfigReader config;

  PerLayerConfig(ConfigReader config) {
    this.config = config;
  }

  /** Reads a size of one layer: its own, else that of all layers. */
  int size(int layer, String key) {
    return own(layer, key).orElse(config).size(key);
  }

  /** Reads a size of one layer where it may be missing altogether. */
  int sizeOr(int layer, String key, int otherwise) {
    return own(layer, key).orElse(config).sizeOr(key, otherwise);
  }

  private Optional<ConfigReader> own(int layer, String key) {
    return config
        .section(KEY)
        .flatMap(all -> all.section(Integer.toString(layer)))
        .filter(own -> own.has(key));
  }

  /**
   * Writes the shapes of all layers: the widest for all, and what differs from it by layer.
   *
   * @param rendered config.json, changed in place
   * @param layers one shape a layer
   * @param spelling puts one shape in the family's own keys
   */
  static void render(
      JsonObject rendered, List<LayerShape> layers, BiConsumer<JsonObject, LayerShape> spelling) {
    LayerShape widest =
        new LayerShape(
            layers.stream().mapToInt(LayerShape::keyValueHeads).max().orElseThrow(),
            layers.stream().mapToInt(LayerShape::intermediateSize).max().orElseThrow());
    spelling.accept(rendered, widest);
    rendered.remove(KEY);
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

  /** Tells stock loaders' first obstacle: layers of different sizes. */
  static Optional<String> unevenLayers(List<LayerShape> layers) {
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
