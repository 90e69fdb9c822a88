package org.minillm.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.minillm.core.evaluation.Perplexity;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
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
    PrintWriter out = spec.commandLine().getOut();
    RunCost cost = RunCost.start();
    try (CliProgress progress = CliProgress.on(spec.commandLine().getErr());
        CausalLm lm = CausalLm.open(model, memory.budget());
        Tokenizer tokenizer = lm.tokenizer()) {
      int[] tokens = tokenizer.encodeFile(perplexity);
      Perplexity measured =
          Perplexity.measure(lm, perplexity.toString(), tokens, window, maxWindows, progress);
      out.printf(
          Locale.ROOT,
          "perplexity %.3f (%s: %d windows of %d tokens, stride %d, no special tokens; mean -log P"
              + " %.5f)%n",
          measured.perplexity(),
          measured.source(),
          measured.windows(),
          measured.window(),
          measured.window(),
          measured.meanNegativeLogLikelihood());
      out.println(cost);
      json.write(cost.addTo(report(measured)));
    }
    return ExitCode.OK;
  }

  private JsonReport report(Perplexity measured) {
    return new JsonReport()
        .put("model", model.toString())
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
}
