package org.minillm.models;

import static com.google.common.collect.ImmutableList.toImmutableList;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.util.List;
import java.util.Optional;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelConfig;

/**
 * Sizes by layer as {@code modeling_minillm.py} reads them, in the same words for every family:
 * {@code "minillm_layers": [{"channels": 512, "heads": 6, "key_value_heads": 2}, …]}, and {@code
 * "kept_heads"} where a head's place in the dense model matters.
 */
final class LayerList {

  static final String KEY = "minillm_layers";

  private static final String CHANNELS = "channels";
  private static final String HEADS = "heads";
  private static final String KEY_VALUE_HEADS = "key_value_heads";
  private static final String KEPT_HEADS = "kept_heads";

  /** Where heads know nothing of their place. */
  static final int NO_PLACES = 0;

  private LayerList() {}

  /**
   * Reads them.
   *
   * @param config the whole
   * @param layers how many there must be
   * @param queryHeadsPerKeyValueHead in all layers
   * @param headRows rows that the largest tensor has for each query head
   * @param places heads of the dense model, among which heads have their places, or {@link
   *     #NO_PLACES}
   * @return empty where config.json has no such list
   */
  static Optional<ImmutableList<LayerShape>> read(
      ConfigReader config, int layers, int queryHeadsPerKeyValueHead, long headRows, int places) {
    if (!config.has(KEY)) {
      return Optional.empty();
    }
    ImmutableList<ConfigReader> entries = config.sections(KEY);
    if (entries.size() != layers) {
      throw config.unsupported(
          KEY, entries.size() + " entries", "one for each of " + layers + " layers");
    }
    return Optional.of(
        entries.stream()
            .map(entry -> shape(entry, queryHeadsPerKeyValueHead, headRows, places))
            .collect(toImmutableList()));
  }

  private static LayerShape shape(
      ConfigReader entry, int queryHeadsPerKeyValueHead, long headRows, int places) {
    entry.requireNoKeysBut(CHANNELS, HEADS, KEY_VALUE_HEADS, KEPT_HEADS);
    int heads = entry.size(HEADS, headRows);
    int keyValueHeads = entry.size(KEY_VALUE_HEADS);
    if (heads != (long) keyValueHeads * queryHeadsPerKeyValueHead) {
      throw entry.unsupported(
          HEADS,
          heads,
          queryHeadsPerKeyValueHead + " for each of key_value_heads, as in the model");
    }
    int channels = entry.size(CHANNELS);
    if (places == NO_PLACES) {
      return new LayerShape(keyValueHeads, channels);
    }
    ImmutableIntArray kept = entry.ascendingList(KEPT_HEADS, places);
    if (kept.length() != keyValueHeads) {
      throw entry.unsupported(
          KEPT_HEADS, kept.length() + " places", "one for each of " + keyValueHeads + " heads");
    }
    return new LayerShape(keyValueHeads, channels, kept);
  }

  static JsonArray render(List<LayerShape> layers, int queryHeadsPerKeyValueHead) {
    JsonArray list = new JsonArray();
    for (LayerShape layer : layers) {
      JsonObject entry = new JsonObject();
      entry.addProperty(CHANNELS, layer.intermediateSize());
      entry.addProperty(HEADS, layer.keyValueHeads() * queryHeadsPerKeyValueHead);
      entry.addProperty(KEY_VALUE_HEADS, layer.keyValueHeads());
      if (!layer.keptHeads().isEmpty()) {
        JsonArray kept = new JsonArray();
        layer.keptHeads().forEach(kept::add);
        entry.add(KEPT_HEADS, kept);
      }
      list.add(entry);
    }
    return list;
  }

  /**
   * Makes the shape that stock code builds for every layer, before each gets its own: as many
   * channels as the widest has.
   *
   * @param heads key-value heads
   * @param kept the places of all heads, or none
   */
  static ImmutableList<LayerShape> alike(
      List<LayerShape> layers, int heads, ImmutableIntArray kept) {
    int channels = layers.stream().mapToInt(LayerShape::intermediateSize).max().orElseThrow();
    LayerShape shape = new LayerShape(heads, channels, kept);
    return layers.stream().map(layer -> shape).collect(toImmutableList());
  }

  /**
   * Tells what keeps a family from this whose stock code takes the width of a head to be
   * hidden_size / heads.
   */
  static Optional<String> splitHeads(ModelConfig sizes) {
    return sizes.hiddenSize() % sizes.headDim() == 0
        ? Optional.empty()
        : Optional.of(
            "no number of heads of width %s makes up hidden_size %s"
                .formatted(sizes.headDim(), sizes.hiddenSize()));
  }
}
