package org.minillm.cli;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code minillm logits}. */
@Command(
    name = "logits",
    header = "Writes the logits of given token ids, to compare with another implementation.",
    description =
        "IDS is a JSON array of arrays of token ids, all of one length, such as [[1,5,9],[1,7,2]]."
            + " The output has one tensor, logits, float32, (batch, time, vocabulary).",
    footer = "  minillm logits MODEL --ids ids.json --out logits.safetensors")
final class LogitsCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "MODEL", description = "Checkpoint folder.")
  private Path model;

  @Option(
      names = "--ids",
      required = true,
      paramLabel = "IDS",
      description = "JSON file with the token ids.")
  private Path ids;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "FILE",
      description = "The safetensors file to write.")
  private Path out;

  @Mixin private MemoryOption memory;

  @Override
  public Integer call() throws Exception {
    throw new IllegalStateException("wired by the lead");
  }
}
