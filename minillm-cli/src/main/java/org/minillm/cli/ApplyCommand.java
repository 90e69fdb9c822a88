package org.minillm.cli;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code minillm apply}. */
@Command(
    name = "apply",
    header = "Cuts a model by a plan and writes the smaller model.",
    description =
        "The plan comes from 'minillm prune --plan-only', from a pruned model, or from an editor."
            + " It fits only the model that it was made for.",
    footer = {
      "  minillm prune MODEL --calibration text.txt --plan-only plan.json",
      "  minillm apply MODEL --plan plan.json --out SMALLER"
    })
final class ApplyCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "MODEL", description = "Checkpoint folder; it is only read.")
  private Path model;

  @Option(
      names = "--plan",
      required = true,
      paramLabel = "FILE",
      description = "The plan, JSON: which units each group keeps.")
  private Path plan;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "Folder to write the pruned model to.")
  private Path out;

  @Option(names = "--force", description = "Replace what is at DIR.")
  private boolean force;

  @Mixin private MemoryOption memory;
  @Mixin private JsonOption json;

  @Override
  public Integer call() throws Exception {
    throw new IllegalStateException("wired by the lead");
  }
}
