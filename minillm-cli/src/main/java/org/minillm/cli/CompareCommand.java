package org.minillm.cli;

import com.google.common.collect.Iterables;
import com.google.common.hash.HashCode;
import com.google.common.hash.Hashing;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.minillm.core.evaluation.ContinuationAgreement;
import org.minillm.core.evaluation.EvaluationSuite;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code minillm compare}. */
@Command(
    name = "compare",
    header = "Measures several models in the same way, side by side.",
    description =
        "All models read the same windows, answer the same questions and continue the same prompts,"
            + " one model in memory at a time. ln ratio is ln(perplexity / that of DENSE) with its"
            + " paired standard error over the windows. Token agreement is how often a model, given"
            + " DENSE's greedy continuation so far, would go on as DENSE does; exact matches and"
            + " common prefix are of its own greedy continuation.",
    footer = {
      "  minillm compare MODEL SMALLER --perplexity test.txt",
      "  minillm compare MODEL SMALLER --perplexity test.txt --tasks piqa.jsonl --limit 200",
      "  minillm compare MODEL SMALLER SMALLEST --prompts prompts.txt --json result.json"
    })
final class CompareCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Parameters(index = "0", paramLabel = "DENSE", description = "The model to compare with.")
  private Path dense;

  @Parameters(
      index = "1..*",
      arity = "1..*",
      paramLabel = "PRUNED",
      description = "Models to compare, with the same tokenizer.")
  private List<Path> pruned = new ArrayList<>();

  @Mixin private SuiteOptions options;
  @Mixin private PromptOptions prompts;
  @Mixin private MemoryOption memory;
  @Mixin private ThreadsOption threads;
  @Mixin private JsonOption json;

  @Override
  public Integer call() throws Exception {
    if (options.isEmpty() && !prompts.isGiven()) {
      throw new ParameterException(
          spec.commandLine(),
          "Missing required option: '--perplexity=FILE' (or '--tasks=FILE' or '--prompts=FILE')");
    }
    EvaluationSuite suite = options.suite();
    json.check();
    RunCost cost = RunCost.start();
    ModelComparison comparison = new ModelComparison();
    try (CliProgress progress = CliProgress.on(spec.commandLine().getErr())) {
      announce(suite);
      ModelComparison.Column reference = measure(dense, suite, null, progress);
      comparison.add(reference);
      for (Path model : pruned) {
        comparison.add(measure(model, suite, reference, progress));
      }
    }
    comparison.print(spec.commandLine().getOut());
    spec.commandLine().getOut().println(cost);
    json.write(cost.addTo(comparison.addTo(new JsonReport())));
    return ExitCode.OK;
  }

  /** Before the first model is measured: what the last one needs is to be known by then. */
  private void announce(EvaluationSuite suite) throws IOException {
    List<MemoryForecast> forecasts = new ArrayList<>();
    for (Path folder : Iterables.concat(List.of(dense), pruned)) {
      try (CausalLm model = CausalLm.open(folder, memory.budget())) {
        forecasts.addAll(suite.memoryForecasts(model));
        if (prompts.isGiven()) {
          List<int[]> ids = promptIds(model);
          forecasts.add(Continuations.memoryForecast(model, ids, prompts.maxNewTokens()));
          forecasts.add(ContinuationAgreement.memoryForecast(model, ids, prompts.maxNewTokens()));
        }
      }
    }
    memory.announce(forecasts, dense);
  }

  private List<int[]> promptIds(CausalLm model) throws IOException {
    try (Tokenizer tokenizer = model.tokenizer()) {
      return prompts.read().stream().map(tokenizer::encode).toList();
    }
  }

  private ModelComparison.Column measure(
      Path folder,
      EvaluationSuite suite,
      ModelComparison.@Nullable Column reference,
      CliProgress progress)
      throws IOException {
    try (CausalLm model = CausalLm.open(folder, memory.budget())) {
      int vocabulary = model.config().vocabSize();
      if (reference != null && vocabulary != reference.vocabulary()) {
        throw new IOException(
            "%s: vocab_size %s, expected %s as %s has; only models of one tokenizer compare"
                .formatted(folder, vocabulary, reference.vocabulary(), dense));
      }
      if (reference != null) {
        requireSameTokens(model, suite, reference.tokens());
      }
      ModelComparison.Tokens tokens = reference == null ? tokens(model, suite) : reference.tokens();
      return new ModelComparison.Column(
          folder,
          vocabulary,
          tokens,
          suite.measure(model, tokens.texts(), progress),
          prompts.isGiven() ? continued(model, tokens.prompts(), reference, progress) : null);
    }
  }

  /**
   * A tokenizer of another text may mean the same: then what it makes of the texts tells. A model
   * without one reads what the first model's made.
   */
  private void requireSameTokens(
      CausalLm model, EvaluationSuite suite, ModelComparison.Tokens expected) throws IOException {
    try {
      if (tokenizer(model).equals(expected.tokenizer())
          || tokens(model, suite).areThoseOf(expected)) {
        return;
      }
    } catch (NoSuchFileException e) {
      return;
    }
    throw new IOException(
        "%s: its tokenizer makes other tokens of these texts than that of %s; only models of one tokenizer compare"
            .formatted(model.checkpoint().path(), dense));
  }

  private ModelComparison.Tokens tokens(CausalLm model, EvaluationSuite suite) throws IOException {
    try (Tokenizer tokenizer = model.tokenizer()) {
      return new ModelComparison.Tokens(
          suite.tokens(tokenizer),
          prompts.read().stream().map(tokenizer::encode).toList(),
          tokenizer(model));
    }
  }

  private static HashCode tokenizer(CausalLm model) throws IOException {
    return Hashing.sha256().hashUnencodedChars(Tokenizer.json(model.checkpoint()));
  }

  private ModelComparison.Continued continued(
      CausalLm model,
      List<int[]> ids,
      ModelComparison.@Nullable Column reference,
      CliProgress progress)
      throws IOException {
    progress.passStarted("generate", 1);
    Continuations own = Continuations.greedy(model, ids, prompts.maxNewTokens());
    progress.stepDone();
    progress.passDone();
    List<int[]> expected =
        reference == null || reference.continued() == null
            ? own.tokens()
            : reference.continued().own().tokens();
    return new ModelComparison.Continued(
        own, ContinuationAgreement.measure(model, ids, expected, own.tokens(), progress));
  }
}
