package org.minillm.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.minillm.core.evaluation.Generation;
import org.minillm.core.evaluation.Sampling;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.Tokenizer;
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
    header = "Continues prompts.",
    description =
        "Takes the most likely token each time, unless a temperature is given. The same prompts and"
            + " seed give the same texts. One prompt is continued before your eyes; several are"
            + " worked on together and printed at the end, in their order.",
    footer = {
      "  minillm generate MODEL --prompt 'The history of' --max-new-tokens 20",
      "  minillm generate MODEL --prompts prompts.txt --json texts.json"
    })
final class GenerateCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "MODEL", description = "Checkpoint folder.")
  private Path model;

  @Option(
      names = "--prompt",
      paramLabel = "TEXT",
      description = "A text to continue; may be given several times.")
  private List<String> prompt = new ArrayList<>();

  @Mixin private PromptOptions prompts;

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
      converter = OptionTypes.Index.class,
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
  @Mixin private ThreadsOption threads;
  @Mixin private JsonOption json;

  @Override
  public Integer call() throws Exception {
    Sampling sampling = sampling();
    if (prompt.isEmpty() && !prompts.isGiven()) {
      throw new ParameterException(
          spec.commandLine(), "Missing required option: '--prompt=TEXT' (or '--prompts=FILE')");
    }
    json.check();
    List<String> texts = Stream.concat(prompt.stream(), prompts.read().stream()).toList();
    RunCost cost = RunCost.start();
    JsonReport report = new JsonReport().put("model", model.toString());
    try (CausalLm lm = CausalLm.open(model, memory.budget());
        Tokenizer tokenizer = lm.tokenizer()) {
      Generation generation = new Generation(lm, sampling, prompts.maxNewTokens(), lm.endTokens());
      List<int[]> ids = texts.stream().map(tokenizer::encode).toList();
      memory.announce(generation.memoryForecast(ids), model);
      Continuations continued =
          texts.size() == 1
              ? streamed(generation, texts.get(0), ids, tokenizer)
              : printed(generation, texts, ids, tokenizer);
      int added = continued.tokens().stream().mapToInt(tokens -> tokens.length).sum();
      spec.commandLine()
          .getErr()
          .printf(Locale.ROOT, "%d tokens, %.1f a second%n", added, continued.perSecond());
      printEnded(lm.config().maxPositions(), ids, continued.tokens());
      for (int i = 0; i < texts.size(); i++) {
        // the keys of the usual case, one prompt, have no number
        String number = texts.size() == 1 ? "" : "_" + (i + 1);
        report
            .put("prompt" + number, texts.get(i))
            .put("text" + number, tokenizer.decode(continued.tokens().get(i)))
            .put("prompt_tokens" + number, ids.get(i).length);
      }
      report.put("new_tokens", added).put("tokens_per_second", continued.perSecond());
    }
    json.write(cost.addTo(report));
    return ExitCode.OK;
  }

  /** Says where texts ended since the model has no position after their last token. */
  private void printEnded(int positions, List<int[]> ids, List<int[]> added) {
    long ended =
        IntStream.range(0, ids.size())
            .filter(i -> added.get(i).length < prompts.maxNewTokens())
            .filter(i -> ids.get(i).length + added.get(i).length > positions)
            .count();
    if (ended > 0) {
      spec.commandLine()
          .getErr()
          .printf(
              Locale.ROOT,
              "%d of %d texts ended at the model's %d positions (max_position_embeddings)%n",
              ended,
              ids.size(),
              positions);
    }
  }

  private Continuations streamed(
      Generation generation, String text, List<int[]> ids, Tokenizer tokenizer) throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    out.print(text);
    out.flush();
    StreamedText stream = new StreamedText(tokenizer::decode, out);
    try {
      return Continuations.of(generation, ids, (number, token) -> stream.accept(token));
    } finally {
      // a message stands on a line of its own
      stream.finish();
    }
  }

  private Continuations printed(
      Generation generation, List<String> texts, List<int[]> ids, Tokenizer tokenizer)
      throws IOException {
    Continuations continued = Continuations.of(generation, ids, Generation.TokenListener.NONE);
    for (int i = 0; i < texts.size(); i++) {
      spec.commandLine()
          .getOut()
          .println(texts.get(i) + tokenizer.decode(continued.tokens().get(i)));
    }
    return continued;
  }

  private Sampling sampling() {
    try {
      return new Sampling(temperature, topK, topP, seed);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage());
    }
  }
}
