package org.minillm.cli;

import java.util.Map;
import java.util.concurrent.Callable;
import org.minillm.core.prune.PruningRecipe;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code minillm recipe}. */
@Command(
    name = "recipe",
    header = "Prints a recipe with all its settings, to be changed and given to prune --recipe.",
    description =
        "RECIPE is best, paper, or CRITERION with /HEAD_CRITERION @GRADIENT +RESTORATION"
            + " ~ALLOCATION ^WINDOWSxTOKENS after it in this order where wanted, each with its"
            + " settings after a colon. A setting that is itself a plug-in with settings stands in"
            + " parentheses.",
    footer = {
      "  minillm recipe",
      "  minillm recipe 'fms@spsa:probes=4+least-squares:lambda=0.2~trapezoid:first=0.2'"
    })
final class RecipeCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "RECIPE",
      arity = "0..1",
      defaultValue = "best",
      description = "The recipe.")
  private String recipe = "";

  @Override
  public Integer call() {
    try {
      spec.commandLine().getOut().print(PruningRecipe.parse(recipe, Map.of()).toJson());
    } catch (IllegalArgumentException e) {
      throw new ParameterException(
          spec.commandLine(), "Invalid value for RECIPE: " + e.getMessage());
    }
    return ExitCode.OK;
  }
}
