package org.minillm.models;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.util.List;
import java.util.stream.IntStream;
import org.minillm.core.architecture.LayerShape;

/**
 * Which heads of the dense model are left, for positions that depend on it: {@code "minillm":
 * {"alibi": {"heads": n, "kept": [[…], …]}}} of config.json, absent where all are left.
 *
 * @param all the places in the dense model, shared by all layers that have all heads
 * @param kept for every layer the places of its heads among them, ascending; empty where every
 *     layer has all
 */
record KeptHeads(ImmutableIntArray all, ImmutableList<ImmutableIntArray> kept) {

  private static final String SECTION = "minillm";
  private static final String ALIBI = "alibi";
  private static final String HEADS = "heads";
  private static final String KEPT = "kept";

  /**
   * Reads them.
   *
   * @param headsKey the family's own key for the number of heads
   */
  static KeptHeads parse(ConfigReader config, String headsKey) {
    return config
        .section(SECTION)
        .flatMap(own -> own.section(ALIBI))
        .map(own -> new KeptHeads(all(own.size(HEADS)), own.ascendingLists(KEPT, own.size(HEADS))))
        .orElseGet(() -> new KeptHeads(all(config.size(headsKey)), ImmutableList.of()));
  }

  /** Refuses to serve another number of layers than it has lists for. */
  void requireLayers(int layers) {
    if (!kept.isEmpty() && kept.size() != layers) {
      throw new IllegalArgumentException(
          "%s.%s.%s has %s lists, expected one a layer (%s)"
              .formatted(SECTION, ALIBI, KEPT, kept.size(), layers));
    }
  }

  /**
   * Returns the heads of one layer.
   *
   * @param layer from 0
   * @param count how many heads config.json says that the layer has
   * @throws IllegalArgumentException if they are not so many
   */
  ImmutableIntArray inLayer(int layer, int count) {
    ImmutableIntArray own = kept.isEmpty() ? all : kept.get(layer);
    if (own.length() != count) {
      throw new IllegalArgumentException(
          "layer %s has %s heads, but %s.%s.%s names %s; every head needs its place in the dense model"
              .formatted(layer, count, SECTION, ALIBI, KEPT, own.length()));
    }
    return own;
  }

  /** Writes the heads of layers, in place of what stood there before. */
  void render(JsonObject config, List<LayerShape> layers) {
    JsonObject section =
        config.has(SECTION) ? config.getAsJsonObject(SECTION).deepCopy() : new JsonObject();
    section.remove(ALIBI);
    if (!layers.stream().allMatch(layer -> layer.keptHeads().equals(all))) {
      JsonArray lists = new JsonArray();
      for (LayerShape layer : layers) {
        JsonArray list = new JsonArray();
        layer.keptHeads().forEach(list::add);
        lists.add(list);
      }
      JsonObject alibi = new JsonObject();
      alibi.addProperty(HEADS, heads());
      alibi.add(KEPT, lists);
      section.add(ALIBI, alibi);
    }
    config.remove(SECTION);
    if (!section.isEmpty()) {
      config.add(SECTION, section);
    }
  }

  /** Counts the heads of the dense model, for which slopes are made. */
  int heads() {
    return all.length();
  }

  private static ImmutableIntArray all(int heads) {
    return ImmutableIntArray.copyOf(IntStream.range(0, heads));
  }
}
