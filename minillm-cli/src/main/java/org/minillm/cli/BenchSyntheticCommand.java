package org.minillm.cli;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.checkpoint.CheckpointWriter;
import org.minillm.core.checkpoint.JsonFiles;
import org.minillm.core.checkpoint.MalformedCheckpointException;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code minillm bench synthetic}. */
@Command(
    name = "synthetic",
    header = "Writes a model of random weights with the shapes that a config.json asks for.",
    description =
        "For trying memory and speed at scale without a download: the weights are bfloat16, in"
            + " shards, and mean nothing. LLaMA-7B takes 13.5 GB.",
    footer = "  minillm bench synthetic config.json --tokenizer MODEL --out LARGE")
final class BenchSyntheticCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "CONFIG", description = "The config.json of a known family.")
  private Path config;

  @Option(
      names = "--tokenizer",
      paramLabel = "MODEL",
      required = true,
      description =
          "Checkpoint folder whose tokenizer files are copied; its vocabulary must not be larger.")
  private Path tokenizer;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      required = true,
      description = "Folder to write the model to.")
  private Path out;

  @Option(names = "--force", description = "Replace what is at DIR.")
  private boolean force;

  @Option(
      names = "--seed",
      paramLabel = "S",
      defaultValue = "0",
      description = "Seed of the weights.")
  private long seed;

  @Override
  public Integer call() throws Exception {
    CheckpointWriter.checkTarget(out, force, tokenizer);
    RunCost cost = RunCost.start();
    try (CliProgress progress = CliProgress.on(spec.commandLine().getErr());
        Checkpoint companions = Checkpoint.open(tokenizer)) {
      new SyntheticCheckpoint(JsonFiles.read(config), companions.companions(), seed)
          .write(out, force, progress);
    } catch (IllegalArgumentException e) {
      throw new MalformedCheckpointException(config + ": " + e.getMessage(), e);
    }
    spec.commandLine().getOut().println("written to " + out);
    spec.commandLine().getOut().println(cost);
    return ExitCode.OK;
  }
}
