package org.minillm.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.minillm.core.evaluation.EvaluationSuite;
import org.minillm.core.evaluation.MultipleChoice;
import org.minillm.core.evaluation.Perplexity;
import org.minillm.core.runtime.CausalLm;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code minillm evaluate}. */
@Command(
    name = "evaluate",
    header = "Measures a model: perplexity on texts, accuracy on multiple-choice tasks.",
    description =
        "A text is tokenised whole and read in consecutive windows from its start; perplexity is"
            + " exp of the mean negative log-likelihood a predicted token. Lower is better. Compare"
            + " two models on the same windows, as 'minillm compare' does. Tasks are scored by the"
            + " log-likelihood of the choices, as lm-evaluation-harness does: acc, and acc_norm by"
            + " characters.",
    footer = {
      "  minillm evaluate MODEL --perplexity test.txt",
      "  minillm evaluate MODEL --perplexity test.txt,other.txt --json result.json",
      "  minillm evaluate MODEL --tasks arc_easy.jsonl,piqa.jsonl --limit 200"
    })
final class EvaluateCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "MODEL", description = "Checkpoint folder.")
  private Path model;

  @Mixin private SuiteOptions options;
  @Mixin private MemoryOption memory;
  @Mixin private ThreadsOption threads;
  @Mixin private JsonOption json;

  @Override
  public Integer call() throws Exception {
    if (options.isEmpty()) {
      throw new ParameterException(
          spec.commandLine(), "Missing required option: '--perplexity=FILE' (or '--tasks=FILE')");
    }
    EvaluationSuite suite = options.suite();
    json.check();
    RunCost cost = RunCost.start();
    JsonReport report = new JsonReport().put("model", model.toString());
    try (CliProgress progress = CliProgress.on(spec.commandLine().getErr());
        CausalLm lm = CausalLm.open(model, memory.budget())) {
      long forecast = memory.announce(suite.memoryForecasts(lm), model);
      report.put("forecast_peak_bytes", forecast);
      EvaluationSuite.Result result = suite.measure(lm, progress);
      for (int i = 0; i < suite.texts().size(); i++) {
        // the keys of the usual case, one text, are short
        String prefix =
            suite.texts().size() == 1 ? "" : EvaluationSuite.nameOf(suite.texts().get(i)) + "_";
        print(result.texts().get(i));
        ResultKeys.put(report, prefix, result.texts().get(i));
      }
      print(result.tasks());
      result.tasks().forEach(task -> ResultKeys.put(report, "", task));
    }
    spec.commandLine().getOut().println(cost);
    json.write(cost.addTo(report));
    return ExitCode.OK;
  }

  private void print(Perplexity measured) {
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
  }

  private void print(List<MultipleChoice> tasks) {
    if (tasks.isEmpty()) {
      return;
    }
    TextTable table = new TextTable("task", "items", "acc", "stderr", "acc_norm", "stderr");
    for (MultipleChoice measured : tasks) {
      double accuracy = measured.accuracy();
      double normalised = measured.accuracyNormalised();
      table.row(
          measured.task(),
          Integer.toString(measured.items().size()),
          ResultKeys.share(accuracy),
          ResultKeys.share(measured.standardError(accuracy)),
          ResultKeys.share(normalised),
          ResultKeys.share(measured.standardError(normalised)));
    }
    table.print(spec.commandLine().getOut());
    ResultKeys.printCut(spec.commandLine().getOut(), "the model", tasks);
  }
}
