package org.minillm.cli;

import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.Iterables;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.minillm.core.calibration.GradientEstimator;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.pruning.ImportanceCriterion;
import org.minillm.core.pruning.PruningTarget;
import org.minillm.core.pruning.StructuredPruner;

/**
 * A way to prune, written in one word: {@code CRITERION} or {@code CRITERION@GRADIENT}, each with
 * its settings after a colon where wanted, such as {@code fms:aggregation=max@spsa:probes=16}. The
 * gradient is spsa where none is named, and none, which stands for 1 everywhere, where that is.
 *
 * @param spec as it was written
 * @param criterion scores the units
 * @param gradient estimates the gradient; null for none
 */
record PruningMethod(
    String spec, ImportanceCriterion criterion, @Nullable GradientEstimator gradient) {

  private static final String DEFAULT_GRADIENT = "spsa";
  private static final String NO_GRADIENT = "none";

  /**
   * Reads a method.
   *
   * @param spec the word
   * @param offered settings that criterion and gradient are given where they have them
   * @throws IllegalArgumentException if a part is not known; the message lists what is
   */
  static PruningMethod parse(String spec, Map<String, String> offered) {
    List<String> parts = Splitter.on('@').limit(2).splitToList(spec);
    String gradient = Iterables.get(parts, 1, DEFAULT_GRADIENT);
    return new PruningMethod(
        spec,
        Plugins.configured(ImportanceCriterion.class, parts.get(0), offered),
        gradient.equals(NO_GRADIENT)
            ? null
            : Plugins.configured(GradientEstimator.class, gradient, offered));
  }

  /**
   * Reads methods separated by commas. Settings are, too: what follows a comma and is of the form
   * {@code name=value} belongs to the method before.
   */
  static ImmutableList<PruningMethod> parseList(String list, Map<String, String> offered) {
    List<String> specs = new ArrayList<>();
    for (String part : Splitter.on(',').split(list)) {
      boolean setting = part.matches("[^:@=]+=.*");
      if (setting && !specs.isEmpty()) {
        specs.set(specs.size() - 1, Iterables.getLast(specs) + "," + part);
      } else {
        specs.add(part);
      }
    }
    return specs.stream()
        .map(spec -> parse(spec, offered))
        .collect(ImmutableList.toImmutableList());
  }

  /** Tells whether it measures importance on a text. */
  boolean needsCalibration() {
    return !criterion.requires().isEmpty();
  }

  /** Begins a pruner that does it. */
  StructuredPruner.Builder pruner(PruningTarget target) {
    return StructuredPruner.builder(criterion, target).gradientEstimator(gradient);
  }
}
