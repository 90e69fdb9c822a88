package org.minillm.cli;

import com.google.common.io.MoreFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.minillm.core.evaluation.MultipleChoice;
import org.minillm.core.evaluation.Perplexity;
import org.minillm.core.evaluation.TaskItem;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.Tokenizer;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code minillm evaluate}. */
@Command(
    name = "evaluate",
    header = "Measures a model: perplexity on a text, accuracy on multiple-choice tasks.",
    description =
        "The text is tokenised whole and read in consecutive windows from its start; perplexity is"
            + " exp of the mean negative log-likelihood a predicted token. Lower is better. Compare"
            + " two models on the same windows. Tasks are scored by the log-likelihood of the"
            + " choices, as lm-evaluation-harness does: acc, and acc_norm by characters.",
    footer = {
      "  minillm evaluate MODEL --perplexity test.txt",
      "  minillm evaluate MODEL --perplexity test.txt --json result.json"
    })
final class EvaluateCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "MODEL", description = "Checkpoint folder.")
  private Path model;

  @Option(names = "--perplexity", paramLabel = "FILE", description = "UTF-8 text to predict.")
  private @Nullable Path perplexity;

  @Option(
      names = "--tasks",
      paramLabel = "FILE",
      split = ",",
      description = "Multiple-choice task files, one JSON object a line.")
  private List<Path> tasks = new ArrayList<>();

  @Option(
      names = "--limit",
      paramLabel = "N",
      defaultValue = "2147483647",
      showDefaultValue = CommandLine.Help.Visibility.NEVER,
      converter = OptionTypes.Count.class,
      description = "Items of each task file to ask at most. Default: all.")
  private int limit;

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
    if (perplexity == null && tasks.isEmpty()) {
      throw new ParameterException(
          spec.commandLine(), "Missing required option: '--perplexity=FILE' (or '--tasks=FILE')");
    }
    RunCost cost = RunCost.start();
    JsonReport report = new JsonReport().put("model", model.toString());
    try (CliProgress progress = CliProgress.on(spec.commandLine().getErr());
        CausalLm lm = CausalLm.open(model, memory.budget());
        Tokenizer tokenizer = lm.tokenizer()) {
      if (perplexity != null) {
        measurePerplexity(perplexity, lm, tokenizer, progress, report);
      }
      askTasks(lm, tokenizer, progress, report);
    }
    spec.commandLine().getOut().println(cost);
    json.write(cost.addTo(report));
    return ExitCode.OK;
  }

  private void measurePerplexity(
      Path text, CausalLm lm, Tokenizer tokenizer, CliProgress progress, JsonReport report)
      throws IOException {
    Perplexity measured =
        Perplexity.measure(
            lm, text.toString(), tokenizer.encodeFile(text), window, maxWindows, progress);
    spec.commandLine()
        .getOut()
        .printf(
            Locale.ROOT,
            "perplexity %.3f (%s: %d windows of %d tokens, stride %d, no special tokens; mean -log"
                + " P %.5f)%n",
            measured.perplexity(),
            measured.source(),
            measured.windows(),
            measured.window(),
            measured.window(),
            measured.meanNegativeLogLikelihood());
    report
        .put("perplexity", measured.perplexity())
        .put("mean_nll", measured.meanNegativeLogLikelihood())
        .put("tokens", measured.tokens())
        .put("predicted_tokens", measured.predictedTokens())
        .put("windows", measured.windows())
        .put("window", measured.window())
        .put("stride", measured.window())
        .put("special_tokens", false)
        .put("source", measured.source());
  }

  private void askTasks(CausalLm lm, Tokenizer tokenizer, CliProgress progress, JsonReport report)
      throws IOException {
    TextTable table = new TextTable("task", "items", "acc", "stderr", "acc_norm", "stderr");
    for (Path file : tasks) {
      String task = MoreFiles.getNameWithoutExtension(file).replaceAll("[^a-z0-9]+", "_");
      MultipleChoice measured =
          MultipleChoice.measure(lm, tokenizer, task, TaskItem.read(file, limit), progress);
      double accuracy = measured.accuracy();
      double normalised = measured.accuracyNormalised();
      table.row(
          task,
          Integer.toString(measured.items().size()),
          share(accuracy),
          share(measured.standardError(accuracy)),
          share(normalised),
          share(measured.standardError(normalised)));
      report
          .put(task + "_items", measured.items().size())
          .put(task + "_acc", accuracy)
          .put(task + "_acc_stderr", measured.standardError(accuracy))
          .put(task + "_acc_norm", normalised)
          .put(task + "_acc_norm_stderr", measured.standardError(normalised));
    }
    if (!tasks.isEmpty()) {
      table.print(spec.commandLine().getOut());
    }
  }

  private static String share(double value) {
    return String.format(Locale.ROOT, "%.4f", value);
  }
}
