package org.minillm.cli;

import static com.google.common.io.MoreFiles.deleteRecursively;

import com.google.common.io.RecursiveDeleteOption;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.cut.PruningReport;
import org.minillm.core.evaluation.Perplexity;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.PruningRecipe;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.Tokenizer;
import org.minillm.demo.DemoData;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code minillm demo}. */
@Command(
    name = "demo",
    header = "Prunes a tiny model that comes along, and shows what it costs.",
    description =
        "Prunes the packed tiny-llama, evaluates it before and after on WikiText-2, and prints a"
            + " table. Needs no network and no files.",
    footer = {"  minillm demo", "  minillm demo --json demo.json"})
final class DemoCommand implements Callable<Integer> {

  private static final double[] RATIOS = {0.2, 0.5};
  private static final List<String> METHODS = List.of("magnitude", "wanda", "fms", "best");
  private static final int SAMPLES = 32;
  private static final int WINDOW = 128;
  private static final int EVALUATION_WINDOWS = 80;

  @Spec private CommandSpec spec;
  @Mixin private JsonOption json;

  @Override
  public Integer call() throws Exception {
    json.check();
    PrintWriter out = spec.commandLine().getOut();
    Path work = Files.createTempDirectory("minillm-demo");
    try {
      DemoData.extract(work);
      out.println(
          "tiny-llama: 2.4 million parameters, 4 layers of 512 MLP channels, trained on English"
              + " text.");
      out.printf(
          "Its MLP channels are pruned with %d windows of %d tokens of WikiText-2; the result is"
              + " written, opened again and measured on %d other windows.%n%n",
          SAMPLES, WINDOW, EVALUATION_WINDOWS);
      out.flush();
      TextTable table =
          new TextTable(
              "method", "pruned", "parameters", "bytes", "perplexity", "seconds", "peak memory");
      JsonReport report = new JsonReport();
      new Demo(work, table, report).run();
      table.print(out);
      out.println();
      out.println(
          "fms is the paper's method; best is what prune does unasked, which also makes up for what"
              + " goes.");
      out.println("Lower perplexity is better. To prune a model of your own: minillm prune --help");
      json.write(report);
    } finally {
      deleteRecursively(work, RecursiveDeleteOption.ALLOW_INSECURE);
    }
    return ExitCode.OK;
  }

  /** One run of the demo in a folder of its own. */
  private record Demo(Path work, TextTable table, JsonReport report) {

    void run() throws IOException {
      try (CausalLm dense = CausalLm.open(DemoData.model(work))) {
        int[] calibration;
        int[] evaluation;
        try (Tokenizer tokenizer = dense.tokenizer()) {
          calibration = tokenizer.encodeFile(DemoData.calibration(work));
          evaluation = tokenizer.encodeFile(DemoData.evaluation(work));
        }
        CalibrationSet data =
            CalibrationSet.evenlySpaced("WikiText-2 validation", calibration, SAMPLES, WINDOW);
        RunCost cost = RunCost.start();
        double perplexity = perplexity(dense, evaluation);
        add("dense", 0, dense.parameters(), dense.checkpoint().bytes(), perplexity, cost);
        for (double ratio : RATIOS) {
          for (String method : METHODS) {
            prune(dense, data, evaluation, method, ratio);
          }
        }
      }
    }

    private void prune(
        CausalLm dense, CalibrationSet data, int[] evaluation, String name, double ratio)
        throws IOException {
      Path target = work.resolve(name + "-" + percent(ratio));
      RunCost cost = RunCost.start();
      StructuredPruner pruner =
          PruningRecipe.parse(name, Map.of())
              .pruner(PruningTarget.of(ratio, GroupKind.MLP_CHANNELS))
              .build();
      PruningReport pruned = pruner.apply(dense, pruner.plan(dense, data), data, target);
      try (CausalLm reopened = CausalLm.open(target)) {
        double perplexity = perplexity(reopened, evaluation);
        add(name, ratio, pruned.parametersAfter(), pruned.bytesAfter(), perplexity, cost);
      }
    }

    private static double perplexity(CausalLm model, int[] tokens) throws IOException {
      return Perplexity.measure(
              model, "WikiText-2 test", tokens, WINDOW, EVALUATION_WINDOWS, PassListener.SILENT)
          .perplexity();
    }

    private void add(
        String name, double ratio, long parameters, long bytes, double perplexity, RunCost cost) {
      table.row(
          name,
          percent(ratio) + "%",
          CutSummary.grouped(parameters),
          CutSummary.grouped(bytes),
          String.format(Locale.ROOT, "%.1f", perplexity),
          String.format(Locale.ROOT, "%.1f", cost.seconds()),
          cost.peakWords());
      String key = ratio == 0 ? name : name + "_" + percent(ratio);
      report
          .put(key + "_parameters", parameters)
          .put(key + "_bytes", bytes)
          .put(key + "_perplexity", perplexity)
          .put(key + "_seconds", cost.seconds());
    }

    private static long percent(double ratio) {
      return Math.round(100 * ratio);
    }
  }
}
