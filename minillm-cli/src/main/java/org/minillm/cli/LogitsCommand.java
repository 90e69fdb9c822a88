package org.minillm.cli;

import com.google.gson.Gson;
import com.google.gson.JsonSyntaxException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.minillm.core.evaluation.LogitsFile;
import org.minillm.core.model.CausalLm;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
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
  @Mixin private ThreadsOption threads;

  @Override
  public Integer call() throws Exception {
    List<int[]> windows = readIds();
    try (CliProgress progress = CliProgress.on(spec.commandLine().getErr());
        CausalLm lm = CausalLm.open(model, memory.budget())) {
      memory.announce(LogitsFile.memoryForecast(lm, windows), model);
      LogitsFile.write(lm, windows, out, progress);
    }
    spec.commandLine().getOut().println("logits written to " + out);
    return ExitCode.OK;
  }

  private List<int[]> readIds() throws IOException {
    int[] @Nullable [] read;
    try {
      read = new Gson().fromJson(Files.readString(ids), int[][].class);
    } catch (JsonSyntaxException e) {
      throw new IOException(
          ids + ": not an array of arrays of token ids, such as [[1,5,9],[1,7,2]]", e);
    }
    if (read == null || read.length == 0 || Arrays.asList(read).contains(null)) {
      throw new IOException(ids + ": no token ids, expected such as [[1,5,9],[1,7,2]]");
    }
    for (int row = 0; row < read.length; row++) {
      if (read[row].length != read[0].length || read[row].length == 0) {
        throw new IOException(
            String.format(
                "%s: row %d has %d ids, row 0 has %d; expected rows of one length, at least 1",
                ids, row, read[row].length, read[0].length));
      }
    }
    return List.of(read);
  }
}
