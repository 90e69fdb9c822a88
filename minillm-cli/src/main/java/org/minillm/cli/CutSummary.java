package org.minillm.cli;

import com.google.common.base.Joiner;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.minillm.core.architecture.StockLoader;
import org.minillm.core.cut.Export;
import org.minillm.core.cut.PruningReport;
import org.minillm.core.plan.PruningPlan;

/** What a plan removes, for a person and for scripts. */
record CutSummary(PruningPlan plan, PruningReport report, Export export) {

  private static final String LOSS = "allocation.loss.";

  void print(PrintWriter out) {
    new TextTable("", "before", "after")
        .row("parameters", grouped(report.parametersBefore()), grouped(report.parametersAfter()))
        .row("bytes", grouped(report.bytesBefore()), grouped(report.bytesAfter()))
        .row("MACs a token", grouped(report.macsBefore()), grouped(report.macsAfter()))
        .print(out);
    out.printf(
        Locale.ROOT,
        "removed %.2f%% of the prunable parameters, %.2f%% of the model%n",
        100 * report.prunableRatio(),
        100 * report.modelRatio());
    printChoice(out);
    report
        .logitsDifference()
        .ifPresent(
            difference ->
                out.printf(
                    Locale.ROOT,
                    "opened again: its logits are those of the masked model, within %.1e%n",
                    difference));
    printLoaders(out);
  }

  /** What loads the result, where that is not simply everything. */
  private void printLoaders(PrintWriter out) {
    if (!export.isFolder()) {
      return;
    }
    report
        .reasonForCode()
        .ifPresent(
            why ->
                out.println(
                    "loads in MiniLLM, and in transformers with trust_remote_code=True, since "
                        + why));
    Map<StockLoader, String> obstacles = report.stockLoaderObstacles();
    if (!obstacles.isEmpty()) {
      out.println(
          "loads in MiniLLM, not in %s: %s"
              .formatted(
                  Joiner.on(" and ").join(obstacles.keySet()),
                  obstacles.values().iterator().next()));
    }
    if (report.reasonForCode().isPresent() || !obstacles.isEmpty()) {
      out.println(
          "other forms: --export gguf for llama.cpp, --export masked for loaders of the dense model"
              + " (no byte smaller); minillm check says which program takes what");
    }
  }

  /** What a search has tried, and what it took. */
  private void printChoice(PrintWriter out) {
    String chosen = fact("allocation.chosen", "");
    if (!chosen.isEmpty()) {
      String losses =
          plan.provenance().tailMap(LOSS).entrySet().stream()
              .takeWhile(fact -> fact.getKey().startsWith(LOSS))
              .map(fact -> fact.getKey().substring(LOSS.length()) + " " + fact.getValue())
              .collect(Collectors.joining(", "));
      out.println("measured losses: " + losses + "; chosen: " + chosen);
    }
  }

  JsonReport addTo(JsonReport json) {
    return json.put("parameters_before", report.parametersBefore())
        .put("parameters_after", report.parametersAfter())
        .put("prunable_ratio", report.prunableRatio())
        .put("model_ratio", report.modelRatio())
        .put("bytes_before", report.bytesBefore())
        .put("bytes_after", report.bytesAfter())
        .put("macs_per_token_before", report.macsBefore())
        .put("macs_per_token_after", report.macsAfter())
        .put("logits_difference", report.logitsDifference().orElse(Double.NaN))
        .put("stock_loaders", export.isFolder() && reason().isEmpty())
        .put("stock_loader_obstacle", reason().orElse(""))
        .put("loads_transformers_4", loads(StockLoader.TRANSFORMERS_4))
        .put("loads_transformers_5", loads(StockLoader.TRANSFORMERS_5))
        .put("needs_trust_remote_code", report.reasonForCode().isPresent())
        .put("criterion", fact("criterion"))
        .put("gradient", fact("gradient"))
        .put("forward_passes", Long.parseLong(fact("forward_passes", "0")));
  }

  /** Why stock classes alone do not load the result. */
  private Optional<String> reason() {
    return report.stockLoaderObstacle().or(report::reasonForCode);
  }

  private boolean loads(StockLoader loader) {
    return export.isFolder() && !report.stockLoaderObstacles().containsKey(loader);
  }

  private String fact(String name) {
    return fact(name, "none");
  }

  private String fact(String name, String otherwise) {
    return plan.provenance().getOrDefault(name, otherwise);
  }

  static String grouped(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }
}
