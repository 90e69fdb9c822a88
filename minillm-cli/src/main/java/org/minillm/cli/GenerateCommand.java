package org.minillm.cli;

import com.google.common.base.Stopwatch;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.minillm.core.evaluation.Generation;
import org.minillm.core.evaluation.Sampling;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code minillm generate}. */
@Command(
    name = "generate",
    header = "Continues a prompt.",
    description =
        "Takes the most likely token each time, unless a temperature is given. The same prompt and"
            + " seed give the same text.",
    footer = "  minillm generate MODEL --prompt 'The history of' --max-new-tokens 20")
final class GenerateCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "MODEL", description = "Checkpoint folder.")
  private Path model;

  @Option(
      names = "--prompt",
      required = true,
      paramLabel = "TEXT",
      description = "The text to continue.")
  private String prompt;

  @Option(
      names = "--max-new-tokens",
      paramLabel = "N",
      defaultValue = "32",
      converter = OptionTypes.Count.class,
      description = "Tokens to add at most; the end-of-sequence token ends earlier.")
  private int maxNewTokens;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      defaultValue = "0",
      description = "0 takes the most likely token each time; above, tokens are drawn.")
  private double temperature;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      defaultValue = "0",
      description = "Draw from the K most likely tokens only; 0 for all.")
  private int topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      defaultValue = "1",
      description = "Draw from the most likely tokens that have probability P together.")
  private double topP;

  @Option(
      names = "--seed",
      paramLabel = "S",
      defaultValue = "0",
      description = "Seed of the draws; the same seed gives the same text.")
  private long seed;

  @Mixin private MemoryOption memory;
  @Mixin private JsonOption json;

  @Override
  public Integer call() throws Exception {
    Sampling sampling = sampling();
    RunCost cost = RunCost.start();
    try (CausalLm lm = CausalLm.open(model, memory.budget());
        Tokenizer tokenizer = lm.tokenizer()) {
      int[] tokens = tokenizer.encode(prompt);
      Stopwatch stopwatch = Stopwatch.createStarted();
      int[] added =
          new Generation(lm, sampling, maxNewTokens, lm.endTokens())
              .run(List.of(tokens), Generation.TokenListener.NONE)
              .get(0);
      double perSecond = added.length / (stopwatch.elapsed().toNanos() * 1e-9);
      String text = tokenizer.decode(added);
      spec.commandLine().getOut().println(prompt + text);
      spec.commandLine()
          .getErr()
          .printf(Locale.ROOT, "%d tokens, %.1f a second%n", added.length, perSecond);
      json.write(
          cost.addTo(
              new JsonReport()
                  .put("model", model.toString())
                  .put("prompt", prompt)
                  .put("text", text)
                  .put("prompt_tokens", tokens.length)
                  .put("new_tokens", added.length)
                  .put("tokens_per_second", perSecond)));
    }
    return ExitCode.OK;
  }

  private Sampling sampling() {
    try {
      return new Sampling(temperature, topK, topP, seed);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage());
    }
  }
}
