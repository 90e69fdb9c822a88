package org.minillm.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.minillm.core.runtime.CausalLm;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code minillm bench speed}. */
@Command(
    name = "speed",
    header = "Measures how fast models read and write on this machine, side by side.",
    description =
        "Reading: 8 windows of 128 tokens through all layers. Writing: 48 tokens of one text, with"
            + " keys and values kept. The models take turns and stay in memory together; the first"
            + " is the one that the others are compared with. MACs are the multiply-accumulates of"
            + " the linear layers for a token.",
    footer = {
      "  minillm bench speed MODEL SMALLER",
      "  minillm bench speed MODEL SMALLER --rounds 10 --json speed.json"
    })
final class BenchSpeedCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "MODEL", arity = "1..*", description = "Checkpoint folders.")
  private List<Path> folders = new ArrayList<>();

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "5",
      converter = OptionTypes.Count.class,
      description = "Times that every model reads and writes, after once that does not count.")
  private int rounds;

  @Mixin private MemoryOption memory;
  @Mixin private ThreadsOption threads;
  @Mixin private JsonOption json;

  @Override
  public Integer call() throws Exception {
    json.check();
    List<CausalLm> models = new ArrayList<>();
    try {
      for (Path folder : folders) {
        models.add(CausalLm.open(folder, memory.budget().sharedBy(folders.size())));
      }
      memory.announceTogether(
          models.stream().map(SpeedBenchmark::memoryForecast).toList(), folders);
      report(models, measure(models));
    } finally {
      for (CausalLm model : models) {
        model.close();
      }
    }
    return ExitCode.OK;
  }

  private List<SpeedBenchmark> measure(List<CausalLm> models) throws IOException {
    try (CliProgress progress = CliProgress.on(spec.commandLine().getErr())) {
      return SpeedBenchmark.inTurns(models, rounds, progress);
    }
  }

  private void report(List<CausalLm> models, List<SpeedBenchmark> benchmarks) throws IOException {
    TextTable table =
        new TextTable(
            "model", "parameters", "MACs a token", "read tokens/s", "", "write tokens/s", "");
    JsonReport report = new JsonReport();
    for (int i = 0; i < models.size(); i++) {
      long macs = models.get(i).macsPerToken();
      double reads = benchmarks.get(i).promptTokensPerSecond();
      double writes = benchmarks.get(i).generatedTokensPerSecond();
      table.row(
          folders.get(i).toString(),
          CutSummary.grouped(models.get(i).parameters()),
          CutSummary.grouped(macs),
          String.format(Locale.ROOT, "%.1f", reads),
          times(reads / benchmarks.get(0).promptTokensPerSecond()),
          String.format(Locale.ROOT, "%.1f", writes),
          times(writes / benchmarks.get(0).generatedTokensPerSecond()));
      String number = "_" + (i + 1);
      report
          .put("model" + number, folders.get(i).toString())
          .put("parameters" + number, models.get(i).parameters())
          .put("bytes" + number, models.get(i).checkpoint().bytes())
          .put("macs_per_token" + number, macs)
          .put("prompt_tokens_per_second" + number, reads)
          .put("generated_tokens_per_second" + number, writes);
    }
    table.print(spec.commandLine().getOut());
    json.write(report);
  }

  private static String times(double ratio) {
    return String.format(Locale.ROOT, "%.2fx", ratio);
  }
}
