package org.minillm.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.MemoryBudget;

/**
 * How fast a model reads and writes before and after it was pruned.
 *
 * @param before the dense model's measurements
 * @param after the pruned model's, which took turns with them
 */
record SpeedGain(SpeedBenchmark before, SpeedBenchmark after) {

  private static final int ROUNDS = 3;

  static SpeedGain measure(Path dense, Path pruned, MemoryOption memory, CliProgress progress)
      throws IOException {
    MemoryBudget part = memory.budget().sharedBy(2);
    try (CausalLm before = CausalLm.open(dense, part);
        CausalLm after = CausalLm.open(pruned, part)) {
      memory.announceTogether(
          Stream.of(before, after).map(SpeedBenchmark::memoryForecast).toList(),
          List.of(dense, pruned));
      List<SpeedBenchmark> measured =
          SpeedBenchmark.inTurns(List.of(before, after), ROUNDS, progress);
      return new SpeedGain(measured.get(0), measured.get(1));
    }
  }

  void print(PrintWriter out) {
    TextTable table = new TextTable("", "before", "after", "");
    row(table, "read tokens/s", SpeedBenchmark::promptTokensPerSecond);
    row(table, "write tokens/s", SpeedBenchmark::generatedTokensPerSecond);
    table.print(out);
  }

  private void row(TextTable table, String name, ToDoubleFunction<SpeedBenchmark> speed) {
    double dense = speed.applyAsDouble(before);
    double pruned = speed.applyAsDouble(after);
    table.row(
        name,
        String.format(Locale.ROOT, "%.1f", dense),
        String.format(Locale.ROOT, "%.1f", pruned),
        String.format(Locale.ROOT, "%.2fx", pruned / dense));
  }

  JsonReport addTo(JsonReport json) {
    return json.put("prompt_tokens_per_second_before", before.promptTokensPerSecond())
        .put("prompt_tokens_per_second_after", after.promptTokensPerSecond())
        .put("generated_tokens_per_second_before", before.generatedTokensPerSecond())
        .put("generated_tokens_per_second_after", after.generatedTokensPerSecond());
  }
}
