package org.minillm.cli;

import com.google.common.collect.ImmutableList;
import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.PruningRecipe;
import org.minillm.core.runtime.CausalLm;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code minillm bench passes}. */
@Command(
    name = "passes",
    header = "Measures what the steps of pruning cost beside pure forward passes.",
    description =
        "Two pure passes over the calibration windows, through the layers alone and with the"
            + " language head, and the steps of each method: to plan, and to restore and write 20%%"
            + " of the channels less. All take turns in one process, which keeps as many layers in"
            + " memory as the budget lets it.",
    footer = {
      "  minillm bench passes MODEL",
      "  minillm bench passes MODEL --methods wanda,fms,fms@spsa:data=all,probes=4 --rounds 5"
    })
final class BenchPassesCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "MODEL", description = "Checkpoint folder; it is only read.")
  private Path folder;

  @Option(
      names = "--methods",
      paramLabel = "M,M,...",
      defaultValue = "wanda,fms,fms@spsa:data=all,probes=4,best",
      description = "Ways to prune, each as bench quality has them.")
  private String methods = "";

  @Option(
      names = "--groups",
      paramLabel = "GROUPS",
      defaultValue = "channels",
      converter = OptionTypes.Groups.class,
      description = "What is removed: channels, heads or both.")
  private PrunedGroups groups;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "3",
      converter = OptionTypes.Count.class,
      description = "Times that every step is done, after once that does not count.")
  private int rounds;

  @Mixin private CalibrationOptions calibration;
  @Mixin private MemoryOption memory;
  @Mixin private ThreadsOption threads;
  @Mixin private JsonOption json;

  @Override
  public Integer call() throws Exception {
    List<PruningMethod> chosen = PruningMethod.option(spec, methods, Map.of());
    if (chosen.stream().anyMatch(PruningMethod::saysWindows)) {
      throw new ParameterException(
          spec.commandLine(),
          "Invalid value for option '--methods': all methods read the same windows here; give"
              + " --samples and --window instead of ^");
    }
    json.check();
    // not where the system keeps temporary files: that is memory on many
    Path temporary = Files.createTempDirectory(Path.of("").toAbsolutePath(), "minillm-passes");
    try (CausalLm model = CausalLm.open(folder, memory.budget())) {
      PassBenchmark benchmark =
          new PassBenchmark(
              model, calibration.read(model, PruningRecipe.best()), temporary.resolve("pruned"));
      PruningTarget target = PruningTarget.of(0.2, groups.kinds().toArray(GroupKind[]::new));
      chosen.forEach(method -> benchmark.add(method, target));
      memory.announce(List.of(calibration.memoryForecast(), benchmark.memoryForecast()), folder);
      report(benchmark, measure(benchmark));
    } finally {
      MoreFiles.deleteRecursively(temporary, RecursiveDeleteOption.ALLOW_INSECURE);
    }
    return ExitCode.OK;
  }

  private ImmutableList<PassBenchmark.Step> measure(PassBenchmark benchmark) throws IOException {
    try (CliProgress progress = CliProgress.on(spec.commandLine().getErr())) {
      return benchmark.run(rounds, progress);
    }
  }

  private void report(PassBenchmark benchmark, List<PassBenchmark.Step> steps) throws IOException {
    TextTable table =
        new TextTable("step", "passes", "seconds", "in passes of layers", "with language head");
    JsonReport report = new JsonReport();
    for (int i = 0; i < steps.size(); i++) {
      PassBenchmark.Step step = steps.get(i);
      OptionalLong passes = step.passes();
      table.row(
          step.name(),
          passes.isPresent() ? Long.toString(passes.getAsLong()) : "",
          String.format(Locale.ROOT, "%.2f", step.seconds()),
          String.format(Locale.ROOT, "%.2f", benchmark.inLayers(step)),
          String.format(Locale.ROOT, "%.2f", benchmark.inLosses(step)));
      String number = "_" + (i + 1);
      report
          .put("step" + number, step.name())
          .put("forward_passes" + number, passes)
          .put("seconds" + number, step.seconds());
    }
    table.print(spec.commandLine().getOut());
    json.write(report);
  }
}
