package org.minillm.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.collect.ImmutableSortedMap;
import com.google.common.hash.Hashing;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.minillm.core.cut.CheckpointCutter;
import org.minillm.core.cut.PruningReport;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.journal.Journal;
import org.minillm.core.journal.JournalFolder;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.plugin.PluginSpec;
import org.minillm.core.prune.PruningRecipe;
import org.minillm.core.restore.Restoration;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.EngineThreads;
import org.minillm.core.runtime.PassRunner;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code minillm apply}. */
@Command(
    name = "apply",
    header = "Cuts a model by a plan and writes the smaller model.",
    description =
        "The plan comes from 'minillm prune --plan-only', from a pruned model, or from an editor."
            + " It fits only the model that it was made for.",
    footer = {
      "  minillm prune MODEL --calibration text.txt --plan-only plan.json",
      "  minillm apply MODEL --plan plan.json --out SMALLER"
    })
final class ApplyCommand implements Callable<Integer> {

  private static final String RESTORATION = "restoration";

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "MODEL", description = "Checkpoint folder; it is only read.")
  private Path model;

  @Option(
      names = "--plan",
      required = true,
      paramLabel = "FILE",
      description = "The plan, JSON: which units each group keeps.")
  private Path plan;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "Folder to write the pruned model to, or file where --export has one.")
  private Path out;

  @Option(names = "--force", description = "Replace what is at DIR.")
  private boolean force;

  @Mixin private CalibrationOptions calibration;
  @Mixin private RestoreOption restore;
  @Mixin private ExportOption form;
  @Mixin private JournalOption journal;
  @Mixin private MemoryOption memory;
  @Mixin private ThreadsOption threads;
  @Mixin private JsonOption json;

  @Override
  public Integer call() throws Exception {
    form.export().checkTarget(out, force, model);
    json.check();
    PruningPlan read = PruningPlan.read(plan);
    Restoration restoration = restore.restoration(() -> madeWith(read));
    RunCost cost = RunCost.start();
    try (CausalLm lm = CausalLm.open(model, memory.budget())) {
      PruningReport report =
          restoration == null ? write(lm, read) : writeRestored(lm, read, restoration);
      form.printUnread(lm, spec.commandLine().getOut());
      report(new CutSummary(read, report, form.export()), cost);
    }
    return ExitCode.OK;
  }

  private PruningReport writeRestored(CausalLm lm, PruningPlan read, Restoration restoration)
      throws Exception {
    CalibrationSet data = calibration.read(lm, PruningRecipe.best());
    Path remembered = journal.beside(out);
    Map<String, String> run = run(lm, read, restoration, data);
    try (CliProgress progress = CliProgress.on(spec.commandLine().getErr());
        JournalFolder open =
            JournalFolder.open(
                remembered, run, JournalFolder.INTERVAL, () -> progress.resumed(remembered))) {
      CheckpointCutter cutter =
          new CheckpointCutter(new PassRunner(lm, progress, open), read)
              .restoring(restoration, data)
              .export(form.export());
      memory.announce(List.of(calibration.memoryForecast(), cutter.memoryForecast()), model);
      PruningReport report = journal.during(remembered, () -> cutter.write(out, force));
      open.forget();
      return report;
    }
  }

  /** A cut alone streams from file to file. */
  private PruningReport write(CausalLm lm, PruningPlan read) throws IOException {
    try (CliProgress progress = CliProgress.on(spec.commandLine().getErr())) {
      CheckpointCutter cutter =
          new CheckpointCutter(new PassRunner(lm, progress, Journal.NONE), read)
              .export(form.export());
      memory.announce(cutter.memoryForecast(), model);
      return cutter.write(out, force);
    }
  }

  /** Everything that the restored weights depend on. */
  private Map<String, String> run(
      CausalLm lm, PruningPlan read, Restoration restoration, CalibrationSet data)
      throws IOException {
    Map<String, String> facts = new TreeMap<>(restoration.provenance(RESTORATION));
    facts.putAll(data.provenance());
    facts.put("model", lm.checkpoint().sha256OfSamples());
    facts.put("plan", Hashing.sha256().hashString(read.toJson(), UTF_8).toString());
    facts.putAll(form.export().provenance("export"));
    facts.put("threads", Integer.toString(EngineThreads.inForce()));
    facts.put("minillm", String.valueOf(Main.class.getPackage().getImplementationVersion()));
    return facts;
  }

  private void report(CutSummary summary, RunCost cost) throws IOException {
    summary.print(spec.commandLine().getOut());
    spec.commandLine().getOut().println("written to " + out);
    json.write(
        cost.addTo(
            summary.addTo(
                new JsonReport()
                    .put("model", model.toString())
                    .put("plan", plan.toString())
                    .put("out", out.toString()))));
  }

  /** The restoration that a plan names. */
  private static @Nullable Restoration madeWith(PruningPlan plan) {
    String name = plan.provenance().getOrDefault(RESTORATION, RestoreOption.NONE);
    ImmutableSortedMap.Builder<String, String> settings = ImmutableSortedMap.naturalOrder();
    plan.provenance()
        .forEach(
            (key, value) -> {
              if (key.startsWith(RESTORATION + ".")) {
                settings.put(key.substring(RESTORATION.length() + 1), value);
              }
            });
    return RestoreOption.unlessNone(
        Restoration.class, new PluginSpec(name, settings.buildOrThrow()).toString(), Map.of());
  }
}
