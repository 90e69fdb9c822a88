package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.minillm.cli.CommandRun.json;
import static org.minillm.cli.CommandRun.succeeding;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.demo.DemoData;

/**
 * A quarter of LLaMA-7B's depth in its true shapes: 8 layers, 3.8 GB in bfloat16. Takes some
 * minutes, 8 GB of disk and 4 GiB of memory, and runs in the profile {@code nightly} only: {@code
 * ./mvnw -B verify -Pnightly}.
 */
class LargeModelNightlyIT {

  private static final String CONFIG =
      """
      {"model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "num_attention_heads": 32,
       "num_key_value_heads": 32, "num_hidden_layers": 8, "vocab_size": 32000, "max_position_embeddings": 2048,
       "rms_norm_eps": 1e-6, "tie_word_embeddings": false, "torch_dtype": "bfloat16"}
      """;

  private static final long BUDGET = 4L << 30;

  /** The Java runtime reads its own files too: 1% of one reading of the model. */
  private static final double READINGS = 3.01;

  @TempDir Path temp;

  @Test
  @EnabledOnOs(value = OS.LINUX, disabledReason = "what a process reads is told by /proc")
  void thePapersMethodKeepsItsBudgetAndReadsTheFileThreeTimes() throws Exception {
    // GIVEN
    Path config = Files.writeString(temp.resolve("config.json"), CONFIG);
    Path tokenizer = DemoData.model(DemoData.extract(temp.resolve("demo")));
    Path model = temp.resolve("model");
    succeeding("bench", "synthetic", config, "--tokenizer", tokenizer, "--out", model);
    Path report = temp.resolve("report.json");

    // WHEN
    Process process =
        LaunchedProcess.start(
            temp.resolve("messages"),
            "prune",
            model,
            "--criterion",
            "fms",
            "--restore",
            "none",
            "--samples",
            8,
            "--ratio",
            0.2,
            "--memory",
            "4g",
            "--out",
            temp.resolve("smaller"),
            "--json",
            report);
    long read = bytesReadUntilTheEndOf(process);

    // THEN
    assertThat(process.exitValue()).as(Files.readString(temp.resolve("messages"))).isZero();
    JsonObject json = json(report);
    long peak = json.get("peak_rss_bytes").getAsLong();
    System.out.printf(
        "nightly: 8 layers of LLaMA-7B, fms: %s s, %,d MB at the peak, %,d MB forecast, %.2f"
            + " readings%n",
        json.get("seconds"),
        peak / 1_000_000,
        json.get("forecast_peak_bytes").getAsLong() / 1_000_000,
        (double) read / json.get("bytes_before").getAsLong());
    assertThat(peak).isLessThanOrEqualTo(BUDGET);
    // less than two would mean that they were not counted
    assertThat((double) read / json.get("bytes_before").getAsLong()).isBetween(2.0, READINGS);
  }

  private static long bytesReadUntilTheEndOf(Process process)
      throws IOException, InterruptedException {
    Path io = Path.of("/proc", Long.toString(process.pid()), "io");
    long read = 0;
    while (!process.waitFor(100, TimeUnit.MILLISECONDS)) {
      try (Stream<String> lines = Files.lines(io)) {
        read =
            lines
                .filter(line -> line.startsWith("rchar: "))
                .mapToLong(line -> Long.parseLong(line.substring("rchar: ".length())))
                .findFirst()
                .orElse(read);
      } catch (IOException | UncheckedIOException endedMeanwhile) {
        break;
      }
    }
    process.waitFor();
    return read;
  }
}
