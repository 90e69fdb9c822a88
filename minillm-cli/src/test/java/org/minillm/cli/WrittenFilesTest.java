package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.demo.DemoData;

/** No command writes over what it was not asked to replace, and says so before it works. */
class WrittenFilesTest {

  @TempDir Path temp;
  private Path model;
  private Path text;
  private Path ids;

  @BeforeEach
  void extractTheDemo() throws IOException {
    Path demo = DemoData.extract(temp.resolve("demo"));
    model = DemoData.model(demo);
    text = DemoData.calibration(demo);
    ids = Files.writeString(temp.resolve("ids.json"), "[[1,2,3]]");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "inspect MODEL --json MODEL/config.json",
        "inspect MODEL --json MODEL/new.json",
        "evaluate MODEL --perplexity TEXT --json MODEL/config.json",
        "evaluate MODEL --perplexity TEXT --json TEXT",
        "compare MODEL MODEL --perplexity TEXT --json MODEL/tokenizer.json",
        "generate MODEL --prompt a --json MODEL/config.json",
        "generate MODEL --prompts TEXT --json TEXT",
        "bench speed MODEL --json MODEL/config.json",
        "bench passes MODEL --json MODEL/config.json",
        "bench passes MODEL --calibration TEXT --json TEXT",
        "bench quality MODEL --perplexity TEXT --out MODEL",
        "bench quality MODEL --perplexity TEXT --out MODEL/results",
        "bench estimates MODEL --out MODEL",
        "prune MODEL --out TEMP/out --json MODEL/config.json",
        "prune MODEL --out TEMP/out --calibration TEXT --json TEXT",
        "prune MODEL --force --plan-only MODEL/config.json",
        "prune MODEL --plan-only TEMP/plan.json --json TEMP/plan.json",
        "apply MODEL --plan IDS --out TEMP/out --json IDS",
        "convert MODEL --export gguf --force --out MODEL/model.safetensors",
        "convert MODEL --out MODEL/model",
        "logits MODEL --ids IDS --force --out MODEL/model.safetensors",
        "logits MODEL --ids IDS --force --out IDS",
      })
  void whatIsReadIsNotWrittenOver(String line) throws IOException {
    // GIVEN
    SortedMap<String, Integer> before = contents();

    // WHEN
    CommandRun run = run(line);

    // THEN it ends at the door
    assertThat(run.err()).startsWith("minillm: ").contains("the source").hasLineCount(1);
    assertThat(run.out()).isEmpty();
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(contents()).isEqualTo(before);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "prune MODEL --criterion magnitude --restore none --plan-only TEMP/theirs",
        "convert MODEL --export gguf --out TEMP/theirs",
        "prune MODEL --criterion magnitude --restore none --export gguf --out TEMP/theirs",
        "logits MODEL --ids IDS --out TEMP/theirs",
      })
  void plansAndWeightsReplaceAFileOnlyByForce(String line) throws IOException {
    // GIVEN
    Path theirs = Files.writeString(temp.resolve("theirs"), "theirs");

    // WHEN / THEN
    CommandRun refused = run(line);
    assertThat(refused.err()).contains("theirs: exists; --force replaces it").hasLineCount(1);
    assertThat(refused.exitCode()).isEqualTo(1);
    assertThat(theirs).hasContent("theirs");

    // WHEN / THEN
    CommandRun forced = run(line + " --force");
    assertThat(forced.exitCode()).as(forced.err()).isZero();
    assertThat(Files.size(theirs)).isGreaterThan("theirs".length());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "inspect MODEL --json PLACE",
        "evaluate MODEL --perplexity TEXT --json PLACE",
        "compare MODEL MODEL --perplexity TEXT --json PLACE",
        "generate MODEL --prompt a --json PLACE",
        "demo --json PLACE",
        "bench speed MODEL --json PLACE",
        "bench passes MODEL --json PLACE",
        "prune MODEL --out TEMP/out --json PLACE",
        "prune MODEL --force --plan-only PLACE",
        "logits MODEL --ids IDS --force --out PLACE",
        "convert MODEL --export gguf --force --out PLACE",
        "apply MODEL --plan IDS --out TEMP/out --json PLACE",
      })
  void aTargetThatCannotBeWrittenIsRefusedBeforeTheWork(String line) throws IOException {
    // GIVEN
    Path link = Files.createSymbolicLink(temp.resolve("link"), ids);
    Path empty = Files.createDirectory(temp.resolve("empty"));

    // WHEN / THEN
    for (String place :
        new String[] {
          link.toString(), empty.toString(), temp + "/none/x.json", temp + "/" + "x".repeat(250)
        }) {
      CommandRun run = run(line.replace("PLACE", place));
      assertThat(run.err()).as(place).startsWith("minillm: ").hasLineCount(1);
      assertThat(run.out()).as(place).isEmpty();
      assertThat(run.exitCode()).as(place).isEqualTo(1);
    }
    assertThat(link).isSymbolicLink();
    assertThat(empty).isEmptyDirectory();
    assertThat(temp.toFile().list()).containsExactlyInAnyOrder("demo", "ids.json", "link", "empty");
  }

  @Test
  void aReportReplacesAFileAndNotItsNeighbours() throws IOException {
    // GIVEN
    Path report = Files.writeString(temp.resolve("report.json"), "old");
    Path part = Files.writeString(temp.resolve("report.json.part"), "theirs");

    // WHEN
    CommandRun.succeeding("inspect", model, "--json", report);

    // THEN
    assertThat(CommandRun.json(report).get("layers").getAsInt()).isEqualTo(4);
    assertThat(part).hasContent("theirs");
  }

  @Test
  void theStandardOutputIsWrittenToBehindWhatIsPrinted() throws Exception {
    // GIVEN
    Path out = temp.resolve("out.txt");

    // WHEN
    int exitCode =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElse("java"),
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName(),
                "inspect",
                model.toString(),
                "--json",
                "/dev/stdout")
            .redirectOutput(out.toFile())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start()
            .waitFor();

    // THEN
    assertThat(exitCode).isZero();
    assertThat(out)
        .content()
        .containsSubsequence(
            "4 layers", "pruning with a budget", "\n{\n", "\"layers\": 4", "\n}\n");
  }

  @Test
  void aBenchmarkLeavesAFolderOfTheUsersThatIsCalledScratch() throws IOException {
    // GIVEN
    Path notes = temp.resolve("results/scratch/notes.txt");
    Files.createDirectories(notes.getParent());
    Files.writeString(notes, "theirs");

    // WHEN
    CommandRun run = run("bench quality MODEL --perplexity TEXT --out TEMP/results");

    // THEN
    assertThat(run.err()).contains("scratch: exists and was not written by MiniLLM");
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(notes).hasContent("theirs");
  }

  private CommandRun run(String line) {
    return CommandRun.of(
        Arrays.stream(line.split(" "))
            .map(
                word ->
                    word.replace("MODEL", model.toString())
                        .replace("TEXT", text.toString())
                        .replace("IDS", ids.toString())
                        .replace("TEMP", temp.toString()))
            .toArray(String[]::new));
  }

  /** All files, each with a hash. */
  private SortedMap<String, Integer> contents() throws IOException {
    SortedMap<String, Integer> contents = new TreeMap<>();
    try (Stream<Path> files = Files.walk(temp)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        contents.put(file.toString(), Arrays.hashCode(Files.readAllBytes(file)));
      }
    }
    return contents;
  }
}
