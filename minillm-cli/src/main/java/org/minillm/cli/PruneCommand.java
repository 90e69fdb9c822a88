package org.minillm.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
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

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "MODEL", description = "Checkpoint folder; it is only read.")
  private Path model;

  @Option(
      names = "--calibration",
      required = true,
      paramLabel = "FILE",
      description = "UTF-8 text on which importance is measured.")
  private Path calibration;

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
        names = "--keep-layers",
        paramLabel = "L,L,...",
        hideParamSyntax = true,
        showDefaultValue = Help.Visibility.NEVER,
        split = ",",
        converter = OptionTypes.Index.class,
        description = "Layers to leave whole, from 0, such as 0,1,29; the others give the more.")
    List<Integer> keepLayers = new ArrayList<>();
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
        converter = OptionTypes.Gradient.class,
        description =
            "${COMPLETION-CANDIDATES}: the estimate of the loss gradient, for criteria that use"
                + " one; none stands for 1 everywhere.")
    GradientChoice gradient = GradientChoice.SPSA;

    @Option(
        names = "--probes",
        paramLabel = "P",
        defaultValue = "1",
        converter = OptionTypes.Count.class,
        description = "SPSA probes; each costs two forward passes.")
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
    throw new IllegalStateException("wired by the lead");
  }

  private void requireTarget() {
    if (out == null && planOnly == null) {
      throw new ParameterException(
          spec.commandLine(), "Missing required option: '--out=DIR' (or '--plan-only=FILE')");
    }
  }
}
