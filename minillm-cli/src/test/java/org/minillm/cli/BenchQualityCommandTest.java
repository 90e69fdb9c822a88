package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.demo.DemoData;

/** The table of methods, ratios and groups. */
class BenchQualityCommandTest {

  @TempDir static Path temp;
  private static Path model;
  private static Path calibration;
  private static Path text;
  private static Path task;

  @BeforeAll
  static void extractTheDemo() throws IOException {
    Path demo = DemoData.extract(temp.resolve("demo"));
    model = DemoData.model(demo);
    calibration = DemoData.calibration(demo);
    text = DemoData.evaluation(demo);
    task =
        Files.writeString(
            temp.resolve("capitals.jsonl"),
            """
            {"context": "The capital of France is", "choices": [" Paris", " a fish"], "answer": 0}
            """);
  }

  private static CommandRun bench(Path out, Object... more) {
    Stream<Object> first =
        Stream.of(
            "bench",
            "quality",
            model,
            "--calibration",
            calibration,
            "--samples",
            2,
            "--perplexity",
            text,
            "--max-windows",
            3,
            "--ratios",
            "0.5",
            "--out",
            out);
    return CommandRun.succeeding(Stream.concat(first, Stream.of(more)).toArray());
  }

  private static List<String> rows(Path out) throws IOException {
    return Files.readAllLines(out.resolve("quality.jsonl"));
  }

  private static JsonObject json(String row) {
    return JsonParser.parseString(row).getAsJsonObject();
  }

  @Test
  void everyMethodIsMeasuredOnEveryKindOfGroups() throws IOException {
    // WHEN
    Path out = temp.resolve("grid");
    CommandRun run =
        bench(out, "--methods", "magnitude,fms", "--groups", "channels,both", "--tasks", task);

    // THEN the dense model and four rows are printed and written
    assertThat(run.out().lines().limit(6))
        .satisfiesExactly(
            line -> assertThat(line).contains("method", "evaluation", "ln ratio", "capitals acc"),
            line -> assertThat(line).startsWith("dense").contains("2,410,176"),
            line -> assertThat(line).startsWith("magnitude").contains("50%", "channels"),
            line -> assertThat(line).startsWith("fms").contains("spsa", "1,820,352", "±"),
            line -> assertThat(line).startsWith("magnitude").contains("both"),
            line -> assertThat(line).startsWith("fms").contains("both"));
    assertThat(run.err()).contains("dense: ", "4 of 4: fms 50% both: ");
    assertThat(Files.readAllLines(out.resolve("quality.csv")))
        .hasSize(6)
        .first()
        .asString()
        .startsWith("method,gradient,ratio,groups,parameters,bytes,evaluation_perplexity,")
        .endsWith(
            "capitals_acc_norm_stderr,plan_seconds,cut_seconds,evaluate_seconds,peak_rss_bytes,"
                + "forward_passes");
    assertThat(out.resolve("scratch")).doesNotExist();
  }

  @Test
  void figuresAreThoseOfPruneAndEvaluate() throws IOException {
    // GIVEN a model pruned and measured by the other commands
    Path pruned = temp.resolve("pruned");
    Path report = temp.resolve("evaluate.json");
    CommandRun.succeeding(
        "prune",
        model,
        "--restore",
        "none",
        "--out",
        pruned,
        "--criterion",
        "wanda",
        "--ratio",
        "0.5",
        "--calibration",
        calibration,
        "--samples",
        2);
    CommandRun.succeeding(
        "evaluate", pruned, "--perplexity", text, "--max-windows", 3, "--json", report);

    // WHEN
    Path out = temp.resolve("one");
    bench(out, "--methods", "wanda");

    // THEN
    JsonObject row = json(rows(out).get(1));
    JsonObject ofText = row.getAsJsonObject("texts").getAsJsonObject("evaluation");
    assertThat(ofText.get("perplexity").getAsDouble())
        .isEqualTo(json(Files.readString(report)).get("perplexity").getAsDouble());
    assertThat(ofText.getAsJsonArray("window_nll")).hasSize(3);
    assertThat(row.getAsJsonObject("cost").get("forward_passes").getAsInt()).isEqualTo(1);

    // THEN the ratio is that to the dense row
    JsonObject dense = json(rows(out).get(0)).getAsJsonObject("texts");
    double densePerplexity = dense.getAsJsonObject("evaluation").get("perplexity").getAsDouble();
    assertThat(ofText.get("log_ratio").getAsDouble())
        .isCloseTo(
            Math.log(ofText.get("perplexity").getAsDouble() / densePerplexity), within(1e-9));
  }

  @Test
  void rowsThatAreThereAreNotMeasuredAgain() throws IOException {
    // GIVEN a run that was killed while it wrote its last row
    Path out = temp.resolve("resumed");
    bench(out, "--methods", "magnitude");
    List<String> before = rows(out);
    Files.writeString(
        out.resolve("quality.jsonl"), "{\"settings\": \"4f", StandardOpenOption.APPEND);

    // WHEN it is started again with one more method
    CommandRun run = bench(out, "--methods", "magnitude,random");

    // THEN only that is measured
    assertThat(run.err())
        .contains("dense: measured before", "1 of 2: magnitude 50% channels: measured before");
    assertThat(rows(out)).hasSize(3).startsWith(before.toArray(String[]::new));
  }

  @Test
  void otherSettingsAreMeasuredAnew() throws IOException {
    // GIVEN
    Path out = temp.resolve("settings");
    bench(out, "--methods", "magnitude");

    // WHEN a task is asked for, too
    CommandRun run = bench(out, "--methods", "magnitude", "--tasks", task);

    // THEN both stay in the file, and the table has the last
    assertThat(run.err()).doesNotContain("measured before");
    assertThat(rows(out)).hasSize(4);
    assertThat(Files.readAllLines(out.resolve("quality.csv"))).hasSize(3);
  }

  @Test
  void fileOfSomethingElseIsRefused() throws IOException {
    // GIVEN
    Path out = Files.createDirectory(temp.resolve("foreign"));
    Files.writeString(out.resolve("quality.jsonl"), "{\"a\": 1}\n");

    // WHEN
    CommandRun run =
        CommandRun.of(
            "bench",
            "quality",
            model.toString(),
            "--methods",
            "magnitude",
            "--perplexity",
            text.toString(),
            "--out",
            out.toString());

    // THEN
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err()).contains("quality.jsonl, line 1: not a row", "another folder");
  }
}
