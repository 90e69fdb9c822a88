package org.minillm.cli;

import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.Iterables;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.minillm.core.calibration.GradientEstimator;
import org.minillm.core.model.GroupKind;
import org.minillm.core.plugin.ConfigurablePlugin;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.pruning.Allocation;
import org.minillm.core.pruning.ImportanceCriterion;
import org.minillm.core.pruning.PruningTarget;
import org.minillm.core.pruning.Restoration;
import org.minillm.core.pruning.StructuredPruner;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/**
 * A way to prune, written in one word: {@code
 * CRITERION[/HEAD_CRITERION][@GRADIENT][+RESTORATION][~ALLOCATION]}, each with its settings after a
 * colon where wanted, such as {@code fms:aggregation=max@spsa:probes=16} or {@code
 * obs/energy:tokens=stream+least-squares:lambda=0.4~global:mix=0.5}. {@value #BEST} stands for the
 * recipe that prune takes where nothing is chosen.
 *
 * @param spec as it was written
 * @param criterion scores the channels, and the heads where no other does
 * @param headCriterion scores the heads
 * @param gradient estimates the gradient; null for none, which stands for 1 everywhere; spsa where
 *     none is named
 * @param restoration makes up for what goes; null for none, the default
 * @param allocation divides the ratio among the layers; uniform where none is named
 */
record PruningMethod(
    String spec,
    ImportanceCriterion criterion,
    ImportanceCriterion headCriterion,
    @Nullable GradientEstimator gradient,
    @Nullable Restoration restoration,
    Allocation allocation) {

  /** The recipe where nothing is chosen; docs/method.md says what it was measured against. */
  static final String BEST = "best";

  /** Channels by what the others cannot make up for. */
  static final String BEST_CRITERION = "obs:damping=0.01,ridge=mean";

  /** Heads by the part of the residual stream that the others of their layer cannot make up for. */
  static final String BEST_HEAD_CRITERION = "obs:tokens=stream,ridge=mean";

  /**
   * Fitted to the dense model's residual stream, and the values to what they read in it, with noise
   * against knowing the calibration text by heart.
   */
  static final String BEST_RESTORATION = "least-squares:values=0.003,noise=12";

  /**
   * Layers of different sizes pay only where what stays makes up for what goes. Of 30 layers the
   * first three and the last two stay whole, the fourth gives a half, and the six before the last
   * give less and less.
   */
  static final String BEST_ALLOCATION =
      "middle:first=0.1,rise=0.034,last=0.067,fall=0.2,by=restored";

  private static final String BEST_SPEC =
      BEST_CRITERION + "/" + BEST_HEAD_CRITERION + "+" + BEST_RESTORATION + "~" + BEST_ALLOCATION;

  static final String NONE = "none";

  private static final String DEFAULT_GRADIENT = "spsa";
  static final String DEFAULT_ALLOCATION = "uniform";

  private static final Pattern SPEC =
      Pattern.compile(
          "(?<criterion>[^/@+~]+)(/(?<heads>[^@+~]+))?(@(?<gradient>[^+~]+))?"
              + "([+](?<restoration>[^~]+))?(~(?<allocation>.+))?");

  /**
   * Reads a method.
   *
   * @param spec the word
   * @param offered settings that criterion and gradient are given where they have them
   * @throws IllegalArgumentException if a part is not known; the message lists what is
   */
  static PruningMethod parse(String spec, Map<String, String> offered) {
    Matcher parts = SPEC.matcher(spec.equals(BEST) ? BEST_SPEC : spec);
    if (!parts.matches()) {
      throw new IllegalArgumentException(
          "method \""
              + spec
              + "\": expected CRITERION, with /HEAD_CRITERION @GRADIENT +RESTORATION ~ALLOCATION"
              + " after it in this order where wanted");
    }
    String criterion = parts.group("criterion");
    return new PruningMethod(
        spec,
        Plugins.configured(ImportanceCriterion.class, criterion, offered),
        Plugins.configured(
            ImportanceCriterion.class, orElse(parts.group("heads"), criterion), offered),
        unlessNone(
            GradientEstimator.class, orElse(parts.group("gradient"), DEFAULT_GRADIENT), offered),
        unlessNone(Restoration.class, orElse(parts.group("restoration"), NONE), offered),
        Plugins.configured(
            Allocation.class, orElse(parts.group("allocation"), DEFAULT_ALLOCATION), offered));
  }

  private static String orElse(@Nullable String given, String otherwise) {
    return given == null ? otherwise : given;
  }

  /** Looks a plug-in up that can be left out. */
  static <T extends ConfigurablePlugin<T>> @Nullable T unlessNone(
      Class<T> kind, String text, Map<String, String> offered) {
    return text.equals(NONE) ? null : Plugins.configured(kind, text, offered);
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
        .map(spec -> parse(spec, offered))
        .collect(ImmutableList.toImmutableList());
  }

  /**
   * Takes a list at its commas apart. Settings have commas, too: what follows one and is of the
   * form {@code name=value} belongs to the word before.
   */
  static List<String> words(String list) {
    List<String> specs = new ArrayList<>();
    for (String part : Splitter.on(',').split(list)) {
      boolean setting = part.matches("[^:@=+~/]+=.*");
      if (setting && !specs.isEmpty()) {
        specs.set(specs.size() - 1, Iterables.getLast(specs) + "," + part);
      } else {
        specs.add(part);
      }
    }
    return specs;
  }

  /** Begins a pruner that does it. */
  StructuredPruner.Builder pruner(PruningTarget target) {
    return StructuredPruner.builder(criterion, target)
        .criterion(GroupKind.ATTENTION_HEADS, headCriterion)
        .gradientEstimator(gradient)
        .restoration(restoration)
        .allocation(allocation);
  }
}
