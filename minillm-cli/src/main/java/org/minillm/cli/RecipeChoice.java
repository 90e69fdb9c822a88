package org.minillm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.evidence.GradientEstimator;
import org.minillm.core.plan.Allocation;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.prune.PruningRecipe;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** Lays what the user has chosen over the recipe that it is chosen from. */
final class RecipeChoice {

  private final CommandSpec spec;
  private final MeasureOptions measure;
  private final Map<String, String> offered;

  RecipeChoice(CommandSpec spec, MeasureOptions measure) {
    this.spec = spec;
    this.measure = measure;
    this.offered = measure.offered();
  }

  /**
   * Returns the recipe to prune by.
   *
   * @param restore says how what stays makes up for what goes
   * @param allocation names the division among the layers; null where that is not chosen
   * @throws IOException if the file of a recipe cannot be read
   */
  PruningRecipe recipe(RestoreOption restore, @Nullable String allocation) throws IOException {
    PruningRecipe base =
        (measure.recipe == null ? PruningRecipe.best() : given(measure.recipe)).offered(offered);
    PruningRecipe.Builder recipe = base.toBuilder();
    String criterion = measure.criterion;
    if (criterion != null) {
      choose("--criterion", () -> recipe.criterion(criterion, offered));
    }
    String headCriterion = measure.headCriterion;
    if (headCriterion != null) {
      choose(
          "--head-criterion",
          () -> recipe.criterion(GroupKind.ATTENTION_HEADS, headCriterion, offered));
    }
    String gradient = measure.gradient;
    if (gradient != null) {
      choose(
          "--gradient",
          () ->
              recipe.gradient(
                  RestoreOption.unlessNone(GradientEstimator.class, gradient, offered)));
    }
    recipe.restoration(restore.restoration(() -> base.restoration().orElse(null)));
    if (allocation != null) {
      choose(
          "--allocation",
          () -> recipe.allocation(Plugins.configured(Allocation.class, allocation, offered)));
    }
    return recipe.build();
  }

  /** Reads the value of {@code --recipe}. */
  private PruningRecipe given(String recipe) throws IOException {
    Path file = Path.of(recipe);
    if (Files.exists(file)) {
      return PruningRecipe.read(file);
    }
    try {
      return PruningRecipe.parse(recipe, offered);
    } catch (IllegalArgumentException e) {
      throw invalid("--recipe", "no such file, and " + e.getMessage());
    }
  }

  private void choose(String option, Runnable choice) {
    try {
      choice.run();
    } catch (IllegalArgumentException e) {
      throw invalid(option, String.valueOf(e.getMessage()));
    }
  }

  private ParameterException invalid(String option, String reason) {
    return new ParameterException(
        spec.commandLine(), "Invalid value for option '" + option + "': " + reason);
  }
}
