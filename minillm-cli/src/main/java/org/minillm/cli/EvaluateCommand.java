package org.minillm.cli;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code minillm evaluate}. */
@Command(
    name = "evaluate",
    header = "Measures the perplexity of a model on a text.",
    description =
        "The text is tokenised whole and read in consecutive windows from its start; perplexity is"
            + " exp of the mean negative log-likelihood a predicted token. Lower is better. Compare"
            + " two models on the same windows.",
    footer = {
      "  minillm evaluate MODEL --perplexity test.txt",
      "  minillm evaluate MODEL --perplexity test.txt --json result.json"
    })
final class EvaluateCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "MODEL", description = "Checkpoint folder.")
  private Path model;

  @Option(
      names = "--perplexity",
      required = true,
      paramLabel = "FILE",
      description = "UTF-8 text to predict.")
  private Path perplexity;

  @Option(
      names = "--window",
      paramLabel = "T",
      defaultValue = "128",
      converter = OptionTypes.Window.class,
      description = "Tokens a window.")
  private int window;

  @Option(
      names = "--max-windows",
      paramLabel = "N",
      defaultValue = "80",
      converter = OptionTypes.Count.class,
      description = "Windows to read at most.")
  private int maxWindows;

  @Mixin private MemoryOption memory;
  @Mixin private JsonOption json;

  @Override
  public Integer call() throws Exception {
    throw new IllegalStateException("wired by the lead");
  }
}
