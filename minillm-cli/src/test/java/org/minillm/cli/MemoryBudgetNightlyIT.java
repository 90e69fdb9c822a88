package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.runtime.ProcessMemory;
import org.minillm.demo.DemoData;

/**
 * Every command that has {@code --memory}, in a process of its own: a budget that cannot be kept is
 * refused with the smallest that can, and neither that one nor any forecast is ever exceeded. Takes
 * some minutes, and runs in the profile {@code nightly} only.
 */
@EnabledOnOs(value = OS.LINUX, disabledReason = "the peak of a process is told by /proc")
class MemoryBudgetNightlyIT {

  private static final Pattern SMALLEST = Pattern.compile("give --memory ([0-9]+)m or more");
  private static final Pattern FORECAST =
      Pattern.compile("forecast: about ([0-9,]+) MB at the peak");
  private static final long BYTES_PER_MB = 1_000_000;

  @TempDir Path temp;

  /** What came of a command. */
  private record Outcome(int exitCode, String messages, long peak) {

    long forecast() {
      Matcher matcher = FORECAST.matcher(messages);
      assertThat(matcher.find()).as(messages).isTrue();
      return Long.parseLong(matcher.group(1).replace(",", "")) * BYTES_PER_MB;
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "prune MODEL --samples 16 --out OUT/pruned --force",
        "prune MODEL --samples 2 --window 4096 --out OUT/pruned --force",
        "prune MODEL --samples 16 --criterion taylor --gradient backprop --restore none"
            + " --plan-only OUT/plan.json",
        "evaluate MODEL --perplexity TEXT",
        "evaluate MODEL --perplexity TEXT --window 4096 --max-windows 4",
        "evaluate MODEL --perplexity TEXT --window 16000 --max-windows 1",
        "compare MODEL MODEL --perplexity TEXT --window 4096 --max-windows 2",
        "compare MODEL MODEL --perplexity TEXT --prompts PROMPTS",
        "generate MODEL --prompts PROMPTS --max-new-tokens 400",
        "logits MODEL --ids IDS --out OUT/logits.safetensors",
        "bench quality MODEL --methods wanda,best --ratios 0.2 --samples 8 --perplexity TEXT"
            + " --max-windows 8 --out OUT/DIR",
        "bench quality MODEL --methods wanda --ratios 0.2 --samples 2 --window 4096 --perplexity"
            + " TEXT --max-windows 2 --out OUT/DIR",
        "bench speed MODEL MODEL --rounds 1",
        "bench estimates MODEL --samples 8 --out OUT/DIR",
        "bench passes MODEL --samples 16 --methods wanda,best --rounds 1",
      })
  void keepsTheSmallestBudgetAndItsForecast(String command) throws Exception {
    // WHEN there is no room
    Outcome refused = run(command, "--memory", "1m");

    // THEN the command says how much there has to be
    assertThat(refused.exitCode).as(refused.messages).isEqualTo(1);
    Matcher smallest = SMALLEST.matcher(refused.messages);
    assertThat(smallest.find()).as(refused.messages).isTrue();

    // WHEN there is just so much, or as much as the machine has
    Outcome tight = run(command, "--memory", smallest.group(1) + "m");
    Outcome roomy = run(command);

    // THEN neither the budget nor a forecast is exceeded
    System.out.printf(
        "nightly: %s: at least %s MiB, %,d MB at the peak; with memory for all %,d MB at the peak,"
            + " %,d MB forecast%n",
        command,
        smallest.group(1),
        tight.peak / BYTES_PER_MB,
        roomy.peak / BYTES_PER_MB,
        roomy.forecast() / BYTES_PER_MB);
    assertThat(tight.exitCode).as(tight.messages).isZero();
    assertThat(tight.peak).isLessThanOrEqualTo(Long.parseLong(smallest.group(1)) << 20);
    assertThat(roomy.exitCode).as(roomy.messages).isZero();
    assertThat(roomy.peak).isLessThanOrEqualTo(roomy.forecast());
  }

  private Outcome run(String command, String... budget) throws IOException, InterruptedException {
    Path demo = DemoData.extract(temp.resolve("demo"));
    Path text = temp.resolve("text.txt");
    Files.writeString(text, DemoData.calibrationText());
    Path prompts = Files.writeString(temp.resolve("prompts.txt"), "The history of\nIn the year\n");
    Path ids = Files.writeString(temp.resolve("ids.json"), "[[1, 5, 9, 12], [3, 7, 2, 900]]");
    Path out = Files.createDirectories(temp.resolve("out"));
    List<Object> words = new ArrayList<>();
    for (String word : command.split(" ")) {
      words.add(
          word.replace("MODEL", DemoData.model(demo).toString())
              .replace("TEXT", text.toString())
              .replace("PROMPTS", prompts.toString())
              .replace("IDS", ids.toString())
              .replace("DIR", "results" + System.nanoTime())
              .replace("OUT", out.toString()));
    }
    Stream.of(budget).forEach(words::add);
    Path messages = temp.resolve("messages");
    Process process = LaunchedProcess.start(messages, words.toArray());
    long peak = peakUntilTheEndOf(process);
    return new Outcome(process.exitValue(), Files.readString(messages), peak);
  }

  private static long peakUntilTheEndOf(Process process) throws InterruptedException {
    ProcessMemory memory = ProcessMemory.of(process.pid());
    long peak = 0;
    while (!process.waitFor(20, TimeUnit.MILLISECONDS)) {
      // it may be gone meanwhile
      peak = Math.max(peak, memory.peakResidentBytes().orElse(0));
    }
    return peak;
  }
}
