package org.minillm.core.prune;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.primitives.Ints;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.evidence.GradientEstimator;
import org.minillm.core.plan.Allocation;
import org.minillm.core.plugin.ConfigurablePlugin;
import org.minillm.core.plugin.PluginSpec;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.restore.Restoration;

/** A {@link PruningRecipe} in one word. */
final class RecipeWord {

  private static final String FORM =
      "CRITERION, with /HEAD_CRITERION @GRADIENT +RESTORATION ~ALLOCATION ^WINDOWSxTOKENS after it"
          + " in this order where wanted";

  /** What begins a part, in their order. */
  private static final String MARKS = "/@+~^";

  private RecipeWord() {}

  static PruningRecipe parse(String word, Map<String, String> offered) {
    Map<Character, String> parts = parts(word);
    String criterion = word.substring(0, word.length() - length(parts));
    PruningRecipe.Builder recipe = PruningRecipe.builder().criterion(criterion, offered);
    Optional.ofNullable(parts.get('/'))
        .ifPresent(heads -> recipe.criterion(GroupKind.ATTENTION_HEADS, heads, offered));
    recipe.gradient(unlessNone(GradientEstimator.class, parts.getOrDefault('@', "spsa"), offered));
    recipe.restoration(
        unlessNone(Restoration.class, parts.getOrDefault('+', RecipeFile.NONE), offered));
    recipe.allocation(
        Plugins.configured(Allocation.class, parts.getOrDefault('~', "uniform"), offered));
    Optional.ofNullable(parts.get('^')).ifPresent(size -> calibration(recipe, word, size));
    return recipe.build();
  }

  /** The parts after the criterion, by their marks. */
  private static Map<Character, String> parts(String word) {
    List<String> texts = PluginSpec.split(word, MARKS);
    Map<Character, String> parts = new LinkedHashMap<>();
    int last = -1;
    int at = texts.get(0).length();
    for (String text : texts.subList(1, texts.size())) {
      char mark = word.charAt(at);
      boolean inOrder = MARKS.indexOf(mark) > last;
      checkArgument(inOrder && !text.isEmpty(), "recipe \"%s\": expected %s", word, FORM);
      last = MARKS.indexOf(mark);
      parts.put(mark, text);
      at += 1 + text.length();
    }
    checkArgument(!texts.get(0).isEmpty(), "recipe \"%s\": expected %s", word, FORM);
    return parts;
  }

  private static int length(Map<Character, String> parts) {
    return parts.values().stream().mapToInt(part -> 1 + part.length()).sum();
  }

  private static void calibration(PruningRecipe.Builder recipe, String word, String size) {
    int by = size.indexOf('x');
    Integer windows = by < 0 ? null : Ints.tryParse(size.substring(0, by));
    Integer tokens = by < 0 ? null : Ints.tryParse(size.substring(by + 1));
    checkArgument(
        windows != null && tokens != null,
        "recipe \"%s\": found ^%s, expected ^WINDOWSxTOKENS such as ^128x128",
        word,
        size);
    recipe.calibration(windows, tokens);
  }

  /** Looks a plug-in up that can be left out. */
  static <T extends ConfigurablePlugin<T>> @Nullable T unlessNone(
      Class<T> kind, String text, Map<String, String> offered) {
    return text.equals(RecipeFile.NONE) ? null : Plugins.configured(kind, text, offered);
  }

  static String render(PruningRecipe recipe) {
    return PluginSpec.of(recipe.criterion(GroupKind.MLP_CHANNELS))
        + "/"
        + PluginSpec.of(recipe.criterion(GroupKind.ATTENTION_HEADS))
        + "@"
        + recipe.gradient().map(RecipeWord::text).orElse(RecipeFile.NONE)
        + "+"
        + recipe.restoration().map(RecipeWord::text).orElse(RecipeFile.NONE)
        + "~"
        + PluginSpec.of(recipe.allocation())
        + "^"
        + recipe.windows()
        + "x"
        + recipe.windowTokens();
  }

  private static String text(ConfigurablePlugin<?> plugin) {
    return PluginSpec.of(plugin).toString();
  }
}
