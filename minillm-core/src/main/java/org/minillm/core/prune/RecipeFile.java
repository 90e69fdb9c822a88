package org.minillm.core.prune;

import static com.google.common.collect.ImmutableList.toImmutableList;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSortedMap;
import com.google.common.collect.Maps;
import com.google.common.primitives.Ints;
import com.google.gson.GsonBuilder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.evidence.GradientEstimator;
import org.minillm.core.files.JsonNode;
import org.minillm.core.plan.Allocation;
import org.minillm.core.plugin.ConfigurablePlugin;
import org.minillm.core.plugin.PluginSpec;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.restore.Restoration;

/** A {@link PruningRecipe} as a JSON object of texts, under the keys that plans record. */
final class RecipeFile {

  static final String CRITERION = "criterion";
  static final String GRADIENT = "gradient";
  static final String RESTORATION = "restoration";
  static final String ALLOCATION = "allocation";
  static final String WINDOWS = "calibration.samples";
  static final String WINDOW_TOKENS = "calibration.window";

  /** Stands for a plug-in that is left out. */
  static final String NONE = "none";

  /** What names a plug-in; of two that begin alike the longer one first. */
  private static final ImmutableList<String> PLUGINS =
      Stream.concat(
              Arrays.stream(GroupKind.values()).map(RecipeFile::key),
              Stream.of(GRADIENT, RESTORATION, ALLOCATION))
          .sorted(Comparator.comparing(String::length).reversed())
          .collect(toImmutableList());

  private final Map<String, String> values;

  private RecipeFile(Map<String, String> values) {
    this.values = values;
  }

  /** The criterion of the channels stands for all kinds that have none of their own. */
  static String key(GroupKind kind) {
    return kind == GroupKind.MLP_CHANNELS ? CRITERION : CRITERION + "." + kind.id();
  }

  static String render(PruningRecipe recipe) {
    return new GsonBuilder()
            .setPrettyPrinting()
            .disableHtmlEscaping()
            .create()
            .toJson(recipe.settings())
        + "\n";
  }

  static PruningRecipe read(Path file) throws IOException {
    return JsonNode.read(
        file,
        root -> {
          Map<String, String> values = new TreeMap<>();
          root.keys().forEach(key -> values.put(key, root.get(key).text()));
          return new RecipeFile(values).recipe();
        });
  }

  private PruningRecipe recipe() {
    requireKnownKeys();
    PruningRecipe.Builder recipe = PruningRecipe.builder();
    for (GroupKind kind : GroupKind.values()) {
      String spec = spec(values.containsKey(key(kind)) ? key(kind) : CRITERION, "obs");
      recipe.criterion(kind, spec, Map.of());
    }
    recipe.gradient(plugin(GradientEstimator.class, GRADIENT, "spsa"));
    recipe.restoration(plugin(Restoration.class, RESTORATION, "least-squares"));
    if (values.containsKey(ALLOCATION)) {
      recipe.allocation(Plugins.configured(Allocation.class, spec(ALLOCATION, "")));
    }
    PruningRecipe best = PruningRecipe.best();
    return recipe
        .calibration(count(WINDOWS, best.windows()), count(WINDOW_TOKENS, best.windowTokens()))
        .build();
  }

  /** Settings of what is not named would be lost without a word. */
  private void requireKnownKeys() {
    for (String key : values.keySet()) {
      boolean size = key.equals(WINDOWS) || key.equals(WINDOW_TOKENS);
      if (!size && !values.containsKey(plugin(key))) {
        throw new IllegalArgumentException(
            "key \"%s\" is a setting of \"%s\", which is missing; name the plug-in, too"
                .formatted(key, plugin(key)));
      }
    }
  }

  /** The key of the plug-in that a key names or sets. */
  private static String plugin(String key) {
    return PLUGINS.stream()
        .filter(plugin -> key.equals(plugin) || key.startsWith(plugin + "."))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "unknown key \"%s\"; the keys are %s, %s, and %s each with its settings after a dot"
                        .formatted(key, WINDOWS, WINDOW_TOKENS, String.join(", ", PLUGINS))));
  }

  private <T extends ConfigurablePlugin<T>> @Nullable T plugin(
      Class<T> kind, String key, String otherwise) {
    return RecipeWord.unlessNone(kind, spec(key, otherwise), Map.of());
  }

  /** The plug-in under a key with its settings, as text. */
  private String spec(String key, String otherwise) {
    Map<String, String> settings = new TreeMap<>();
    Maps.filterKeys(values, other -> other.startsWith(key + ".") && plugin(other).equals(key))
        .forEach((name, value) -> settings.put(name.substring(key.length() + 1), value));
    return new PluginSpec(values.getOrDefault(key, otherwise), ImmutableSortedMap.copyOf(settings))
        .toString();
  }

  private int count(String key, int otherwise) {
    String value = values.get(key);
    Integer count = value == null ? Integer.valueOf(otherwise) : Ints.tryParse(value);
    if (count == null) {
      throw new IllegalArgumentException(
          key + ": expected a whole number, found \"" + value + "\"");
    }
    return count;
  }
}
