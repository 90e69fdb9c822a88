package org.minillm.cli;

import com.google.common.collect.ImmutableSet;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.minillm.core.calibration.CalibrationSet;
import org.minillm.core.calibration.GradientEstimator;
import org.minillm.core.checkpoint.CheckpointWriter;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.Tokenizer;
import org.minillm.core.plugin.ConfigurablePlugin;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.pruning.ImportanceCriterion;
import org.minillm.core.pruning.PruningPlan;
import org.minillm.core.pruning.PruningReport;
import org.minillm.core.pruning.PruningTarget;
import org.minillm.core.pruning.StructuredPruner;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Help;
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
      "  minillm prune MODEL --calibration text.txt --ratio 0.2 --out SMALLER",
      "  minillm prune MODEL --calibration text.txt --groups both --out SMALLER",
      "  minillm prune MODEL --calibration text.txt --plan-only plan.json"
    })
final class PruneCommand implements Callable<Integer> {

  /** A reached ratio that is further from the one asked for deserves a word. */
  private static final double NOTABLE_DEVIATION = 0.01;

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "MODEL", description = "Checkpoint folder; it is only read.")
  private Path model;

  @Option(
      names = "--calibration",
      paramLabel = "FILE",
      description =
          "UTF-8 text on which importance is measured. Required, unless the criterion looks at the"
              + " weights alone.")
  private @Nullable Path calibration;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Folder to write the pruned model to. Required, unless --plan-only is given.")
  private @Nullable Path out;

  @Option(
      names = "--plan-only",
      paramLabel = "FILE",
      description = "Write the plan to this file and no model.")
  private @Nullable Path planOnly;

  @Option(names = "--force", description = "Replace what is at DIR.")
  private boolean force;

  @Mixin private ExportOption form;
  @Mixin private MemoryOption memory;
  @Mixin private JsonOption json;

  @ArgGroup(validate = false, heading = "%nWhat to remove:%n")
  private Target target = new Target();

  @ArgGroup(validate = false, heading = "%nHow importance is measured:%n")
  private Measure measure = new Measure();

  /** How much goes, and within which bounds. */
  static final class Target {

    @Option(
        names = "--ratio",
        paramLabel = "R",
        defaultValue = "0.2",
        converter = OptionTypes.Ratio.class,
        description = "Pruning ratio: the part of the parameters in the chosen groups to remove.")
    double ratio;

    @Option(
        names = "--groups",
        paramLabel = "KIND",
        defaultValue = "channels",
        converter = OptionTypes.Groups.class,
        description =
            "${COMPLETION-CANDIDATES}: MLP channels, key-value heads with their query heads, or"
                + " both.")
    PrunedGroups groups = PrunedGroups.CHANNELS;

    @Option(
        names = "--multiple-of",
        paramLabel = "N",
        defaultValue = "1",
        converter = OptionTypes.Count.class,
        description =
            "Keep a multiple of N channels in each layer; hardware and quantisers like 32 or 256.")
    int multipleOf;

    @Option(
        names = "--minimum-units",
        paramLabel = "N",
        defaultValue = "1",
        converter = OptionTypes.Count.class,
        description = "Keep at least N units in every group.")
    int minimumUnits;

    @Option(
        names = "--keep-layers",
        paramLabel = "L,L,...",
        hideParamSyntax = true,
        showDefaultValue = Help.Visibility.NEVER,
        split = ",",
        converter = OptionTypes.Index.class,
        description = "Layers to leave whole, from 0, such as 0,1,29; the others give the more.")
    List<Integer> keepLayers = new ArrayList<>();

    PruningTarget asTarget() {
      return new PruningTarget(
          ratio, groups.kinds(), multipleOf, minimumUnits, ImmutableSet.copyOf(keepLayers));
    }
  }

  /** Criterion, gradient and calibration. */
  static final class Measure {

    @Option(
        names = "--criterion",
        paramLabel = "NAME",
        defaultValue = "fms",
        description =
            "Importance criterion, with its settings after a colon where wanted, such as"
                + " fms:aggregation=max.")
    String criterion = "";

    @Option(
        names = "--gradient",
        paramLabel = "NAME",
        defaultValue = "spsa",
        description =
            "The estimate of the loss gradient, for criteria that use one: spsa or, for gates, gates"
                + " (forward passes only), or backprop, with its settings after a colon where"
                + " wanted, such as spsa:direction=signs; or none, which stands for 1 everywhere.")
    String gradient = "";

    @Option(
        names = "--probes",
        paramLabel = "P",
        defaultValue = "1",
        converter = OptionTypes.Count.class,
        description =
            "SPSA probes. They share the calibration set, so that all of them cost two forward"
                + " passes; --gradient spsa:data=all gives each the whole set.")
    int probes;

    @Option(
        names = "--epsilon",
        paramLabel = "E",
        defaultValue = "1e-3",
        converter = OptionTypes.Positive.class,
        description = "Size of an SPSA probe's step.")
    double epsilon;

    @Option(
        names = "--seed",
        paramLabel = "S",
        defaultValue = "0",
        description = "Seed of all randomness; the same seed gives the same plan.")
    long seed;

    @Option(
        names = "--samples",
        paramLabel = "N",
        defaultValue = "32",
        converter = OptionTypes.Count.class,
        description = "Calibration windows, evenly spaced over the text.")
    int samples;

    @Option(
        names = "--window",
        paramLabel = "T",
        defaultValue = "128",
        converter = OptionTypes.Window.class,
        description = "Tokens a calibration window.")
    int window;
  }

  @Override
  public Integer call() throws Exception {
    requireTarget();
    ImportanceCriterion criterion =
        chosen("--criterion", ImportanceCriterion.class, measure.criterion);
    GradientEstimator estimator =
        measure.gradient.equals("none")
            ? null
            : chosen("--gradient", GradientEstimator.class, measure.gradient);
    requireCalibration(criterion);
    if (out != null) {
      CheckpointWriter.checkTarget(out, force, model);
    }
    RunCost cost = RunCost.start();
    try (CliProgress progress = CliProgress.on(spec.commandLine().getErr());
        CausalLm lm = CausalLm.open(model, memory.budget())) {
      StructuredPruner pruner =
          StructuredPruner.builder(criterion, target.asTarget())
              .gradientEstimator(estimator)
              .listener(progress)
              .export(form.export())
              .overwrite(force)
              .build();
      CalibrationSet data = calibrationSet(lm, criterion);
      PruningPlan plan = pruner.plan(lm, data);
      write(pruner, lm, plan, data);
      report(new CutSummary(plan, PruningReport.of(lm, plan, form.export())), cost);
    }
    return ExitCode.OK;
  }

  private void requireTarget() {
    if (out == null && planOnly == null) {
      throw usage("Missing required option: '--out=DIR' (or '--plan-only=FILE')");
    }
  }

  private ParameterException usage(String message) {
    return new ParameterException(spec.commandLine(), message);
  }

  /** Looks a plug-in up; options of the command line are its parameters where it has them. */
  private <T extends ConfigurablePlugin<T>> T chosen(String option, Class<T> kind, String text) {
    Map<String, String> options =
        Map.of(
            "seed", Long.toString(measure.seed),
            "probes", Integer.toString(measure.probes),
            "epsilon", Double.toString(measure.epsilon));
    try {
      return Plugins.configured(kind, text, options);
    } catch (IllegalArgumentException e) {
      throw usage("Invalid value for option '" + option + "': " + e.getMessage());
    }
  }

  private void requireCalibration(ImportanceCriterion criterion) {
    if (calibration == null && !criterion.requires().isEmpty()) {
      throw usage(
          "Missing required option: '--calibration=FILE' (the criterion "
              + criterion.name()
              + " measures on a text)");
    }
  }

  private @Nullable CalibrationSet calibrationSet(CausalLm lm, ImportanceCriterion criterion)
      throws IOException {
    if (calibration == null || criterion.requires().isEmpty()) {
      return null;
    }
    try (Tokenizer tokenizer = lm.tokenizer()) {
      return CalibrationSet.evenlySpaced(
          calibration.getFileName().toString(),
          tokenizer.encodeFile(calibration),
          measure.samples,
          measure.window);
    }
  }

  private void write(
      StructuredPruner pruner, CausalLm lm, PruningPlan plan, @Nullable CalibrationSet data)
      throws IOException {
    if (planOnly != null) {
      plan.write(planOnly);
    } else if (out != null) {
      pruner.apply(lm, plan, data, out);
    }
  }

  private void report(CutSummary summary, RunCost cost) throws IOException {
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
    json.write(
        cost.addTo(
            summary.addTo(
                new JsonReport()
                    .put("model", model.toString())
                    .put("out", String.valueOf(planOnly != null ? planOnly : out))
                    .put("ratio", target.ratio)
                    .put("groups", target.groups.toString())
                    .put("seed", measure.seed))));
  }
}
