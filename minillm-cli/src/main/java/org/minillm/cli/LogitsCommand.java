package org.minillm.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.minillm.core.evaluation.LogitsFile;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.TargetFile;
import org.minillm.core.runtime.CausalLm;
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

  @Option(names = "--force", description = "Replace what is at FILE.")
  private boolean force;

  @Mixin private MemoryOption memory;
  @Mixin private ThreadsOption threads;

  @Override
  public Integer call() throws Exception {
    new TargetFile(out, force).apartFrom(GivenPaths.besides(spec, "--out")).check();
    List<int[]> windows = readIds();
    try (CliProgress progress = CliProgress.on(spec.commandLine().getErr());
        CausalLm lm = CausalLm.open(model, memory.budget())) {
      memory.announce(LogitsFile.memoryForecast(lm, windows), model);
      LogitsFile.write(lm, windows, out, force, progress);
    }
    spec.commandLine().getOut().println("logits written to " + out);
    return ExitCode.OK;
  }

  private List<int[]> readIds() throws IOException {
    return JsonNode.read(
        ids,
        root -> {
          if (!root.isArray() || root.items().isEmpty()) {
            throw root.expected("an array of arrays of token ids, such as [[1,5,9],[1,7,2]]");
          }
          List<int[]> rows = root.items().stream().map(LogitsCommand::readRow).toList();
          for (int row = 1; row < rows.size(); row++) {
            if (rows.get(row).length != rows.get(0).length) {
              throw root.items()
                  .get(row)
                  .refuse(
                      "%d ids, expected as many as in the first row, %d"
                          .formatted(rows.get(row).length, rows.get(0).length));
            }
          }
          return rows;
        });
  }

  private static int[] readRow(JsonNode row) {
    if (!row.isArray() || row.items().isEmpty()) {
      throw row.expected("an array of token ids, at least one");
    }
    return row.items().stream().mapToInt(JsonNode::integer).toArray();
  }
}
