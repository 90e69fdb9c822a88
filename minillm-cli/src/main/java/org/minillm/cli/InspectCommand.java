package org.minillm.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelConfig;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.runtime.CausalLm;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code minillm inspect}. */
@Command(
    name = "inspect",
    header = "Shows what a model is made of and what could be pruned.",
    description =
        "Prints the family, the layers, the pruning groups with their units, parameters and bytes,"
            + " and a forecast of the memory that pruning needs. Reads only the headers of the"
            + " files.",
    footer = {"  minillm inspect MODEL", "  minillm inspect MODEL --json model.json"})
final class InspectCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "MODEL", description = "Checkpoint folder.")
  private Path model;

  @Mixin private MemoryOption memory;
  @Mixin private JsonOption json;

  @Override
  public Integer call() throws Exception {
    json.check();
    try (CausalLm lm = CausalLm.open(model, memory.budget())) {
      PrintWriter out = spec.commandLine().getOut();
      ModelConfig config = lm.config();
      JsonReport report =
          new JsonReport()
              .put("model", model.toString())
              .put("model_type", config.modelType())
              .put("layers", config.layers().size())
              .put("hidden_size", config.hiddenSize())
              .put("vocab_size", config.vocabSize())
              .put("parameters", lm.parameters())
              .put("unread_tensors", lm.unreadTensors().size())
              .put("bytes", lm.checkpoint().bytes());
      out.printf(
          Locale.ROOT,
          "%s: %s, %d layers, hidden size %d, %d query heads a key-value head, vocabulary %d%n",
          model,
          config.modelType(),
          config.layers().size(),
          config.hiddenSize(),
          config.queryHeadsPerKeyValueHead(),
          config.vocabSize());
      out.printf(
          Locale.ROOT,
          "%,d parameters, %,d bytes of weight files%n",
          lm.parameters(),
          lm.checkpoint().bytes());
      UnreadTensors.words(lm).ifPresent(words -> out.println("note: " + words));
      out.println();
      printGroups(lm, out, report);
      printForecast(lm, out, report);
      json.write(report);
    }
    return ExitCode.OK;
  }

  private static void printGroups(CausalLm lm, PrintWriter out, JsonReport report) {
    TextTable table =
        new TextTable("group", "units a layer", "weights a unit", "parameters", "of the model");
    for (GroupKind kind : GroupKind.values()) {
      long parameters = 0;
      for (PruningGroup group : lm.groups(Set.of(kind))) {
        parameters += group.units() * group.weightsPerUnit(lm::elements);
      }
      PruningGroup first = lm.groups(Set.of(kind)).get(0);
      table.row(
          kind.id(),
          unitsALayer(lm.config(), kind),
          CutSummary.grouped(first.weightsPerUnit(lm::elements)),
          CutSummary.grouped(parameters),
          String.format(Locale.ROOT, "%.1f%%", 100.0 * parameters / lm.parameters()));
      report
          .put(kind.id() + "_units", unitsALayer(lm.config(), kind))
          .put(kind.id() + "_weights_per_unit", first.weightsPerUnit(lm::elements))
          .put(kind.id() + "_parameters", parameters);
    }
    table.print(out);
  }

  /** One number, or the range where layers differ. */
  private static String unitsALayer(ModelConfig config, GroupKind kind) {
    int least = config.layers().stream().mapToInt(layer -> layer.units(kind)).min().orElse(0);
    int most = config.layers().stream().mapToInt((LayerShape l) -> l.units(kind)).max().orElse(0);
    return least == most ? Integer.toString(most) : least + "-" + most;
  }

  private void printForecast(CausalLm lm, PrintWriter out, JsonReport report) {
    long peak = lm.memoryForecast().peakBytes(memory.budget());
    out.printf(
        Locale.ROOT,
        "%npruning with a budget of %s: about %,d MB at the peak, %d of %d layers stay in memory%n",
        memory.budget(),
        peak / 1_000_000,
        lm.residentLayers(),
        lm.config().layers().size());
    report
        .put("memory_budget_bytes", memory.budget().bytes())
        .put("forecast_peak_bytes", peak)
        .put("resident_layers", lm.residentLayers());
  }
}
