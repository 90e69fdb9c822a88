package org.minillm.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.plan.ModelFingerprint;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.runtime.CausalLm;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code minillm check}. */
@Command(
    name = "check",
    header = "Says which programs load a model, and what it weighs there.",
    description =
        "The model as it is, or as a plan will leave it. Reads only headers. Where a program does"
            + " not load it, the reason is said with the nearest setting that works.",
    footer = {
      "  minillm check MODEL",
      "  minillm check MODEL --plan plan.json --for llama.cpp,transformers5"
    })
final class CheckCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "MODEL", description = "Checkpoint folder or GGUF file.")
  private Path model;

  @Option(
      names = "--plan",
      paramLabel = "FILE",
      description = "A plan that was made for the model: the check is of what it leaves.")
  private @Nullable Path plan;

  @Option(
      names = "--for",
      paramLabel = "TOOL,TOOL,...",
      hideParamSyntax = true,
      split = ",",
      converter = OptionTypes.ToolName.class,
      description =
          "Ask for these programs alone: transformers4, transformers5, peft, llama.cpp, vllm, onnx,"
              + " jlama. The exit code is 1 if one of them does not load the model.")
  private List<Tool> tools = new ArrayList<>();

  @Mixin private MemoryOption memory;
  @Mixin private JsonOption json;

  @Override
  public Integer call() throws Exception {
    json.check();
    try (CausalLm lm = CausalLm.open(model, memory.budget())) {
      List<LayerShape> layers = layers(lm);
      PrintWriter out = spec.commandLine().getOut();
      JsonReport report = new JsonReport().put("model", model.toString());
      boolean all = printTools(lm, layers, out, report);
      out.println();
      printSizes(lm, layers, out, report);
      json.write(report);
      return tools.isEmpty() || all ? ExitCode.OK : ExitCode.SOFTWARE;
    }
  }

  private List<LayerShape> layers(CausalLm lm) throws IOException {
    if (plan == null) {
      return lm.config().layers();
    }
    PruningPlan read = PruningPlan.read(plan);
    read.requireMadeFor(ModelFingerprint.of(lm));
    return read.layerShapes(lm.config());
  }

  private boolean printTools(
      CausalLm lm, List<LayerShape> layers, PrintWriter out, JsonReport report) throws IOException {
    TextTable table = new TextTable("program", "loads", "--export");
    List<String> reasons = new ArrayList<>();
    boolean all = true;
    for (Tool tool : tools.isEmpty() ? List.of(Tool.values()) : tools) {
      Tool.Verdict verdict = tool.verdict(lm, layers);
      Optional<String> obstacle = verdict.obstacle();
      all &= obstacle.isEmpty();
      table.row(tool.toString(), obstacle.isEmpty() ? "yes" : "no", verdict.form().orElse("-"));
      obstacle.ifPresent(why -> reasons.add(tool + ": " + why));
      String key = "loads_" + tool.toString().replace('.', '_');
      report.put(key, obstacle.isEmpty()).put(key + "_obstacle", obstacle.orElse(""));
    }
    table.print(out);
    reasons.forEach(out::println);
    return all;
  }

  private static void printSizes(
      CausalLm lm, List<LayerShape> layers, PrintWriter out, JsonReport report) {
    FormSizes sizes = FormSizes.of(lm, layers);
    new TextTable("weights", "size")
        .row("as they are stored", FormSizes.megabytes(sizes.stored()))
        .row("GGUF, Q8_0", FormSizes.megabytes(sizes.eightBits()))
        .row("GGUF, Q4_K_M", "about " + FormSizes.megabytes(sizes.fourBits()))
        .print(out);
    report
        .put("bytes", sizes.stored())
        .put("bytes_q8_0", sizes.eightBits())
        .put("bytes_q4_k_m", sizes.fourBits());
  }
}
