package org.minillm.cli;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code minillm inspect}. */
@Command(
    name = "inspect",
    header = "Shows what a model is made of and what could be pruned.",
    description =
        "Prints the family, the layers, the pruning groups with their units, parameters and bytes,"
            + " and a forecast of the memory that pruning needs. Reads only the headers of the"
            + " files.",
    footer = {"  minillm inspect MODEL", "  minillm inspect MODEL --json model.json"})
final class InspectCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "MODEL", description = "Checkpoint folder.")
  private Path model;

  @Mixin private JsonOption json;

  @Override
  public Integer call() throws Exception {
    throw new IllegalStateException("wired by the lead");
  }
}
