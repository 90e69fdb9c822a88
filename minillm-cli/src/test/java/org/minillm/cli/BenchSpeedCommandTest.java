package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.minillm.cli.CommandRun.json;
import static org.minillm.cli.CommandRun.succeeding;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.demo.DemoData;

class BenchSpeedCommandTest {

  /**
   * Four layers of q and o (192, 192), k and v (96, 192), three of (512, 192); a head (4096, 192).
   */
  private static final long TINY_LLAMA_MACS =
      4 * (2 * 192 * 192 + 2 * 96 * 192 + 3 * 512 * 192) + 4096 * 192;

  @TempDir Path temp;

  @Test
  void modelsStandSideBySideWithTheirArithmeticAndTheirSpeed() throws IOException {
    // GIVEN a model and one without half of its channels, 4 x 3 x 256 x 192 weights
    Path dense = DemoData.model(DemoData.extract(temp));
    Path pruned = temp.resolve("half");
    succeeding("prune", dense, "--out", pruned, "--criterion", "magnitude", "--ratio", "0.5");
    Path report = temp.resolve("speed.json");

    // WHEN
    CommandRun run = succeeding("bench", "speed", dense, pruned, "--rounds", 1, "--json", report);

    // THEN
    assertThat(run.out()).contains("MACs a token", "1.00x", "tiny-llama", "half");
    JsonObject json = json(report);
    assertThat(json.get("parameters_1").getAsLong() - json.get("parameters_2").getAsLong())
        .isEqualTo(4 * 3 * 256 * 192);
    assertThat(json.get("macs_per_token_1").getAsLong()).isEqualTo(TINY_LLAMA_MACS);
    assertThat(json.get("macs_per_token_2").getAsLong())
        .isEqualTo(TINY_LLAMA_MACS - 4 * 3 * 256 * 192);
    for (String key : new String[] {"prompt_tokens_per_second", "generated_tokens_per_second"}) {
      assertThat(json.get(key + "_1").getAsDouble()).isPositive();
      assertThat(json.get(key + "_2").getAsDouble()).isPositive();
    }
  }

  @Test
  void prunesReportHasTheSpeedBeforeAndAfterWhereItIsAskedFor() throws IOException {
    // GIVEN
    Path dense = DemoData.model(DemoData.extract(temp));
    Path report = temp.resolve("prune.json");

    // WHEN
    CommandRun run =
        succeeding(
            "prune",
            dense,
            "--out",
            temp.resolve("half"),
            "--criterion",
            "magnitude",
            "--ratio",
            "0.5",
            "--speed",
            "--json",
            report);

    // THEN
    assertThat(run.out()).containsSubsequence("parameters", "read tokens/s", "write tokens/s");
    JsonObject json = json(report);
    for (String key : new String[] {"prompt_tokens_per_second", "generated_tokens_per_second"}) {
      assertThat(json.get(key + "_before").getAsDouble()).isPositive();
      assertThat(json.get(key + "_after").getAsDouble()).isPositive();
    }
  }

  @Test
  void aPlanHasNoSpeed() {
    // WHEN
    CommandRun run = CommandRun.of("prune", "MODEL", "--plan-only", "plan.json", "--speed");

    // THEN
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("--speed measures the pruned model: give --out=DIR");
  }
}
