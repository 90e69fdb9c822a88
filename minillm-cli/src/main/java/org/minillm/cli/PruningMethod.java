package org.minillm.cli;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.Iterables;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.plugin.PluginSpec;
import org.minillm.core.prune.PruningRecipe;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/**
 * A recipe under the word that the user gave it.
 *
 * @param word as it was written
 * @param recipe what it stands for, see {@link PruningRecipe#parse}
 */
record PruningMethod(String word, PruningRecipe recipe) {

  /** Tells whether the word says how much text the recipe reads. */
  boolean saysWindows() {
    return PluginSpec.split(word, "^").size() > 1;
  }

  /**
   * Takes the windows that the recipe reads.
   *
   * @param samples windows where the word does not say
   * @param window tokens of one, likewise
   */
  CalibrationSet calibration(String source, int[] tokens, int samples, int window) {
    return saysWindows()
        ? recipe.calibrationSet(source, tokens)
        : CalibrationSet.evenlySpaced(source, tokens, samples, window);
  }

  /** Reads the value of {@code --methods}; what is wrong with it is wrong usage. */
  static ImmutableList<PruningMethod> option(
      CommandSpec spec, String list, Map<String, String> offered) {
    try {
      return parseList(list, offered);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(
          spec.commandLine(), "Invalid value for option '--methods': " + e.getMessage());
    }
  }

  /** Reads methods separated by commas. */
  static ImmutableList<PruningMethod> parseList(String list, Map<String, String> offered) {
    return words(list).stream()
        .map(word -> new PruningMethod(word, PruningRecipe.parse(word, offered)))
        .collect(ImmutableList.toImmutableList());
  }

  /**
   * Takes a list at its commas apart. Settings have commas, too: what follows one and is of the
   * form {@code name=value} belongs to the word before.
   */
  static List<String> words(String list) {
    List<String> words = new ArrayList<>();
    for (String part : PluginSpec.split(list, ",")) {
      boolean setting = part.matches("[^:@=+~^/]+=.*");
      if (setting && !words.isEmpty()) {
        words.set(words.size() - 1, Iterables.getLast(words) + "," + part);
      } else {
        words.add(part);
      }
    }
    return words;
  }
}
