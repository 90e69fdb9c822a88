package org.minillm.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code minillm bench}. */
@Command(
    name = "bench",
    header = "Benchmarks of pruning.",
    footer = "  minillm bench quality MODEL --calibration text.txt --perplexity test.txt --out DIR")
final class BenchCommand implements Runnable {

  @Spec private CommandSpec spec;

  /** Runs where no benchmark was named, which is wrong usage. */
  @Override
  public void run() {
    throw new ParameterException(
        spec.commandLine(),
        "no benchmark given; there is " + String.join(", ", spec.subcommands().keySet()));
  }
}
