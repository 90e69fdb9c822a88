package org.minillm.cli;

import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Maps;
import com.google.common.collect.Sets;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.cut.PruningReport;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.files.TargetFile;
import org.minillm.core.journal.JournalFolder;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.prune.PruningRecipe;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.tensor.Compute;
import org.minillm.core.tensor.Kernels;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code minillm prune}. */
@Command(
    name = "prune",
    header = "Scores the units of a model, removes the least important, writes a smaller model.",
    description =
        "The calibration text is what importance is measured on: some hundred kilobytes of text"
            + " like that on which the model will be used. The plan of what was removed is written"
            + " beside the weights; 'minillm apply' cuts by it again.",
    footer = {
      "  minillm prune MODEL --ratio 0.2 --out SMALLER",
      "  minillm prune MODEL --calibration text.txt --groups both --out SMALLER",
      "  minillm prune MODEL --recipe paper --plan-only plan.json"
    })
final class PruneCommand implements Callable<Integer> {

  /** A reached ratio that is further from the one asked for deserves a word. */
  private static final double NOTABLE_DEVIATION = 0.01;

  /** Of which a line says before the work whether they will load its result. */
  private static final ImmutableSet<Tool> ANNOUNCED =
      Sets.immutableEnumSet(Tool.TRANSFORMERS_4, Tool.TRANSFORMERS_5, Tool.LLAMA_CPP);

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "MODEL", description = "Checkpoint folder; it is only read.")
  private Path model;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description =
          "Folder to write the pruned model to, or file where --export has one. Required,"
              + " unless --plan-only is given.")
  private @Nullable Path out;

  @Option(
      names = "--plan-only",
      paramLabel = "FILE",
      description = "Write the plan to this file and no model.")
  private @Nullable Path planOnly;

  @Option(names = "--force", description = "Replace what is at DIR, or at FILE of --plan-only.")
  private boolean force;

  @Option(
      names = "--speed",
      description =
          "Afterwards, measure how fast the model reads and writes, the dense and the pruned one in"
              + " turns, as 'minillm bench speed' does. Both are in memory together.")
  private boolean speed;

  @Option(
      names = "--for",
      paramLabel = "TOOL",
      converter = OptionTypes.ToolName.class,
      description =
          "Make a result that this program loads: transformers4, transformers5, peft, llama.cpp,"
              + " vllm, onnx or jlama. Chooses the form and, where it wants equal layers, the uniform"
              + " allocation.")
  private @Nullable Tool tool;

  @Mixin private CalibrationOptions calibration;
  @Mixin private RestoreOption restore;
  @Mixin private ExportOption form;
  @Mixin private JournalOption journal;
  @Mixin private MemoryOption memory;
  @Mixin private ThreadsOption threads;
  @Mixin private JsonOption json;

  @ArgGroup(validate = false, heading = "%nWhat to remove:%n")
  private TargetOptions target = new TargetOptions();

  @ArgGroup(validate = false, heading = "%nHow importance is measured:%n")
  private MeasureOptions measure = new MeasureOptions();

  @Override
  public Integer call() throws Exception {
    requireTarget();
    suitTool();
    PruningRecipe recipe = new RecipeChoice(spec, measure).recipe(restore, target.allocation);
    StructuredPruner.Builder builder =
        recipe.pruner(target.asTarget()).export(form.export()).overwrite(force);
    Compute compute = Compute.cpu().with(kernels());
    checkTargets();
    JsonReport report = withJournal(builder, recipe, compute);
    if (speed && out != null) {
      json.writeSoFar(report); // before the speed is measured, which may fail
      report = withSpeed(report, out);
    }
    json.write(report);
    return ExitCode.OK;
  }

  /** Takes what a program wants into what was not chosen. */
  private void suitTool() {
    if (tool != null && tool.needsEqualLayers() && target.allocation == null) {
      target.allocation = "uniform";
    }
  }

  /** Says before the work where its result will load; takes the form that a program wants. */
  private void suitForm(StructuredPruner.Builder builder, CausalLm lm, List<LayerShape> expected)
      throws IOException {
    Map<Tool, Tool.Verdict> verdicts = new EnumMap<>(Tool.class);
    for (Tool each : Tool.values()) {
      if (each == tool || ANNOUNCED.contains(each)) {
        verdicts.put(each, each.verdict(lm, expected));
      }
    }
    if (tool != null) {
      takeForm(builder, Objects.requireNonNull(verdicts.get(tool)));
    }
    form.requireSayable(lm, expected);
    List<String> loads = new ArrayList<>();
    Maps.filterKeys(verdicts, ANNOUNCED::contains)
        .forEach(
            (each, verdict) ->
                verdict.form().ifPresent(as -> loads.add(each + " (--export " + as + ")")));
    spec.commandLine()
        .getErr()
        .println(
            loads.isEmpty()
                ? "the result will load in MiniLLM alone"
                : "the result will load in " + String.join(", ", loads));
  }

  private void takeForm(StructuredPruner.Builder builder, Tool.Verdict verdict) throws IOException {
    Optional<String> obstacle = verdict.obstacle();
    if (obstacle.isPresent()) {
      throw new IllegalArgumentException("--for " + tool + ": " + obstacle.get());
    }
    if (!spec.commandLine().getParseResult().hasMatchedOption("--export")) {
      form.choose(verdict.form().orElseThrow());
      builder.export(form.export());
      checkTargets(); // of another form than was checked
    }
  }

  /** What is written into a stream has no place beside it. */
  private JsonReport withJournal(
      StructuredPruner.Builder builder, PruningRecipe recipe, Compute compute) throws Exception {
    if (planOnly != null && plan(planOnly).isStream()) {
      return prune(builder, recipe, compute);
    }
    Path remembered = journal.beside(Objects.requireNonNull(planOnly != null ? planOnly : out));
    builder.journal(remembered, JournalFolder.INTERVAL);
    return journal.during(remembered, () -> prune(builder, recipe, compute));
  }

  private void checkTargets() throws IOException {
    if (planOnly != null) {
      plan(planOnly).check();
    } else if (out != null) {
      form.export().checkTarget(out, force, model);
    }
    json.check();
  }

  private TargetFile plan(Path file) {
    return new TargetFile(file, force).apartFrom(GivenPaths.besides(spec, "--plan-only"));
  }

  private JsonReport prune(StructuredPruner.Builder builder, PruningRecipe recipe, Compute compute)
      throws IOException {
    RunCost cost = RunCost.start();
    try (CliProgress progress = CliProgress.on(spec.commandLine().getErr());
        CausalLm lm = CausalLm.open(model, memory.budget(), compute)) {
      List<LayerShape> expected = ExpectedShapes.of(lm, target.asTarget(), recipe.allocation());
      suitForm(builder, lm, expected);
      StructuredPruner pruner = builder.listener(progress).build();
      CalibrationSet data = pruner.readsText() ? calibration.read(lm, recipe) : null;
      long forecast =
          memory.announce(
              List.of(calibration.memoryForecast(), pruner.memoryForecast(lm, data)), model);
      PruningPlan plan = pruner.plan(lm, data);
      PruningReport written = write(pruner, lm, plan, data);
      form.printUnread(lm, spec.commandLine().getOut());
      return report(new CutSummary(plan, written, form.export()), recipe, cost, forecast);
    }
  }

  private JsonReport withSpeed(JsonReport report, Path pruned) throws IOException {
    PrintWriter printer = spec.commandLine().getOut();
    printer.flush();
    try (CliProgress progress = CliProgress.on(spec.commandLine().getErr())) {
      SpeedGain gain = SpeedGain.measure(model, pruned, memory, progress);
      gain.print(printer);
      return gain.addTo(report);
    }
  }

  private Kernels kernels() {
    try {
      return Plugins.named(Kernels.class, measure.backend);
    } catch (IllegalArgumentException e) {
      throw usage("Invalid value for option '--backend': " + e.getMessage());
    }
  }

  private void requireTarget() {
    if (out == null && planOnly == null) {
      throw usage("Missing required option: '--out=DIR' (or '--plan-only=FILE')");
    }
    if (speed && (out == null || planOnly != null)) {
      throw usage("--speed measures the pruned model: give --out=DIR, and no --plan-only");
    }
    if (speed && !form.export().opens()) {
      throw usage(
          "--speed measures a model that MiniLLM opens: give no --export " + form.export().name());
    }
  }

  private ParameterException usage(String message) {
    return new ParameterException(spec.commandLine(), message);
  }

  private PruningReport write(
      StructuredPruner pruner, CausalLm lm, PruningPlan plan, @Nullable CalibrationSet data)
      throws IOException {
    if (out != null && planOnly == null) {
      return pruner.apply(lm, plan, data, out);
    }
    plan(Objects.requireNonNull(planOnly)).write(plan.toJson());
    pruner.forget();
    return PruningReport.of(lm, plan, form.export());
  }

  private JsonReport report(CutSummary summary, PruningRecipe recipe, RunCost cost, long forecast) {
    PrintWriter printer = spec.commandLine().getOut();
    summary.print(printer);
    double reached = summary.report().prunableRatio();
    if (Math.abs(reached - target.ratio) > NOTABLE_DEVIATION) {
      printer.printf(
          Locale.ROOT,
          "note: whole units and equal layers allow no ratio nearer to %.0f%%%n",
          100 * target.ratio);
    }
    printer.println((planOnly != null ? "plan written to " + planOnly : "written to " + out));
    printer.println(cost);
    return cost.addTo(
        summary.addTo(
            new JsonReport()
                .put("model", model.toString())
                .put("out", String.valueOf(planOnly != null ? planOnly : out))
                .put("ratio", target.ratio)
                .put("groups", target.groups.toString())
                .put("recipe", recipe.toString())
                .put("forecast_peak_bytes", forecast)));
  }
}
