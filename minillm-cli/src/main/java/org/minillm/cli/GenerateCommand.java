package org.minillm.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.minillm.core.evaluation.Generation;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code minillm generate}. */
@Command(
    name = "generate",
    header = "Continues a prompt.",
    description =
        "Takes the most probable token each time, so that the same prompt always gives the same"
            + " text. Meant for a look at what pruning did, not for serving.",
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

  @Mixin private MemoryOption memory;
  @Mixin private JsonOption json;

  @Override
  public Integer call() throws Exception {
    PrintWriter out = spec.commandLine().getOut();
    RunCost cost = RunCost.start();
    try (CausalLm lm = CausalLm.open(model, memory.budget());
        Tokenizer tokenizer = lm.tokenizer()) {
      int[] tokens = tokenizer.encode(prompt);
      int[] added = Generation.greedy(lm, tokens, maxNewTokens, lm.endTokens(), token -> {});
      String text = tokenizer.decode(added);
      out.println(prompt + text);
      json.write(
          cost.addTo(
              new JsonReport()
                  .put("model", model.toString())
                  .put("prompt", prompt)
                  .put("text", text)
                  .put("prompt_tokens", tokens.length)
                  .put("new_tokens", added.length)));
    }
    return ExitCode.OK;
  }
}
