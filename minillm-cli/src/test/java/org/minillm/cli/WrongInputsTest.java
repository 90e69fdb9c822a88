package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.journal.ArraySource;
import org.minillm.core.journal.JournalFolder;
import org.minillm.core.journal.PassState;
import org.minillm.demo.DemoData;

/** One clear line on stderr, exit code 1 or 2, no stack trace, and nothing half-written. */
class WrongInputsTest {

  @TempDir static Path temp;
  private static Path model;
  private static Path text;

  @BeforeAll
  static void extractTheDemo() throws IOException {
    Path demo = DemoData.extract(temp.resolve("demo"));
    model = DemoData.model(demo);
    text = DemoData.calibration(demo);
  }

  /** A copy of the model that a test may spoil. */
  private static Path copy(String name) throws IOException {
    Path target = Files.createDirectory(temp.resolve(name));
    try (Stream<Path> files = Files.list(model)) {
      for (Path file : files.toList()) {
        Files.copy(file, target.resolve(file.getFileName()));
      }
    }
    return target;
  }

  private static void editConfig(Path folder, String key, Object value) throws IOException {
    Path file = folder.resolve("config.json");
    JsonObject config = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    if (value instanceof Number number) {
      config.addProperty(key, number);
    } else {
      config.addProperty(key, value.toString());
    }
    Files.writeString(file, config.toString());
  }

  private static CommandRun prune(Path folder, Path out, String... more) {
    Stream<String> first =
        Stream.of("prune", folder.toString(), "--out", out.toString(), "--criterion", "magnitude");
    return CommandRun.of(Stream.concat(first, Stream.of(more)).toArray(String[]::new));
  }

  private static void assertFails(CommandRun run, int exitCode, String... words) {
    assertThat(run.err()).contains(words).doesNotContain("\tat ").contains("minillm: ");
    assertThat(run.exitCode()).isEqualTo(exitCode);
  }

  @Test
  void noSuchFolder() {
    Path missing = temp.resolve("missing");
    assertFails(
        CommandRun.of("inspect", missing.toString()), 1, "missing: no such folder", "expected");
  }

  @Test
  void folderWithoutConfig() throws IOException {
    Path folder = copy("without-config");
    Files.delete(folder.resolve("config.json"));
    assertFails(CommandRun.of("inspect", folder.toString()), 1, "no config.json", "Hugging Face");
  }

  @Test
  void unsupportedFamilyNamesTheSupportedOnes() throws IOException {
    Path folder = copy("unsupported");
    editConfig(folder, "model_type", "mamba");
    assertFails(
        CommandRun.of("inspect", folder.toString()), 1, "no architecture \"mamba\"", "llama");
  }

  @Test
  void truncatedShardSaysBothSizes() throws IOException {
    Path folder = copy("truncated");
    try (RandomAccessFile file =
        new RandomAccessFile(folder.resolve("model.safetensors").toFile(), "rw")) {
      file.setLength(4_000_000);
    }
    assertFails(
        CommandRun.of("inspect", folder.toString()), 1, "model.safetensors", "3995952", "4820352");
  }

  @Test
  void shapeThatDisagreesWithTheConfigNamesTensorAndBothShapes() throws IOException {
    Path folder = copy("disagrees");
    editConfig(folder, "intermediate_size", 500);
    assertFails(
        CommandRun.of("inspect", folder.toString()),
        1,
        "model.layers.0.mlp.gate_proj.weight",
        "(512, 192)",
        "(500, 192)",
        "config.json");
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "1", "-1", "NaN"})
  void ratioOutsideOfItsRangeIsWrongUsage(String ratio) {
    Path out = temp.resolve("ratio-" + ratio);
    assertFails(prune(model, out, "--ratio", ratio), 2, "--ratio", "between 0 and 1");
    assertThat(out).doesNotExist();
  }

  @Test
  void ratioThatRemovesNoUnit() {
    Path out = temp.resolve("nothing");
    assertFails(prune(model, out, "--ratio", "0.0001"), 1, "remove");
    assertThat(out).doesNotExist();
  }

  @Test
  void calibrationTextThatIsTooShortSaysHowManyWindowsItMakes() throws IOException {
    Path small = Files.writeString(temp.resolve("short.txt"), "The history of the city .");
    Path out = temp.resolve("short");
    CommandRun run =
        CommandRun.of(
            "prune",
            model.toString(),
            "--out",
            out.toString(),
            "--criterion",
            "wanda",
            "--calibration",
            small.toString());
    assertFails(run, 1, "short.txt", "6 tokens make 0 windows of 128", "expected 1", "longer");
    assertThat(out).doesNotExist();
  }

  @Test
  void calibrationFileThatIsNotThere() {
    CommandRun run =
        CommandRun.of(
            "prune",
            model.toString(),
            "--out",
            temp.resolve("no-text").toString(),
            "--calibration",
            temp.resolve("none.txt").toString());
    assertFails(run, 1, "no such file or folder", "none.txt");
  }

  @Test
  void planForAnotherModelNamesTheFieldThatDiffers() throws IOException {
    // GIVEN a plan of a model, and that model pruned
    Path plan = temp.resolve("plan.json");
    Path pruned = temp.resolve("pruned");
    CommandRun planned =
        CommandRun.of(
            "prune", model.toString(), "--plan-only", plan.toString(), "--criterion", "magnitude");
    assertThat(planned.exitCode()).as(planned.err()).isZero();
    assertThat(prune(model, pruned).exitCode()).isZero();

    // WHEN the plan is applied to the pruned model
    Path out = temp.resolve("twice");
    CommandRun run =
        CommandRun.of(
            "apply", pruned.toString(), "--plan", plan.toString(), "--out", out.toString());

    // THEN
    assertFails(run, 1, "intermediate_size", "512", "410");
    assertThat(out).doesNotExist();
  }

  @Test
  void existingTargetIsRefusedWithoutForceAndReplacedWithIt() throws IOException {
    // GIVEN a target that somebody has filled
    Path out = temp.resolve("exists");
    assertThat(prune(model, out).exitCode()).isZero();
    Files.writeString(out.resolve("mine.txt"), "mine");

    // WHEN it is written to again, THEN it is left alone, even if forced
    assertFails(prune(model, out, "--ratio", "0.5", "--force"), 1, "mine.txt", "move that away");
    assertThat(out.resolve("mine.txt")).exists();

    // WHEN nothing but ours is there, THEN it is left alone, unless forced
    Files.delete(out.resolve("mine.txt"));
    assertFails(prune(model, out, "--ratio", "0.5"), 1, out.toString(), "--force");
    assertThat(prune(model, out, "--ratio", "0.5", "--force").exitCode()).isZero();
    assertThat(CommandRun.json(out.resolve("config.json")).get("intermediate_size").getAsInt())
        .isEqualTo(256);
  }

  @Test
  void targetThatCannotBeWritten() {
    assertFails(prune(model, temp.resolve("no/such/parent/out")), 1, "no/such/parent");
    assertFails(prune(model, Path.of("/proc/minillm-out")), 1, "/proc");
  }

  @Test
  void targetThatIsTheSource() {
    assertFails(prune(model, model, "--force"), 1, model.toString());
    assertThat(model.resolve("model.safetensors")).exists();
  }

  @Test
  void idsThatAreNotARectangle() throws IOException {
    Path ragged = Files.writeString(temp.resolve("ragged.json"), "[[1,2],[3]]");
    Path words = Files.writeString(temp.resolve("words.json"), "{\"ids\": 1}");
    Path large = Files.writeString(temp.resolve("large.json"), "[[1,4096]]");
    Path out = temp.resolve("logits.safetensors");
    assertFails(logits(ragged, out), 1, "[1]: 1 ids, expected as many as in the first row, 2");
    assertFails(logits(words, out), 1, "words.json", "[[1,5,9],[1,7,2]]");
    assertFails(logits(large, out), 1, "token id 4096", "0 to 4095");
    assertThat(out).doesNotExist();
  }

  @Test
  void budgetThatCannotBeKeptIsRefusedWithOneThatCan() {
    // WHEN
    CommandRun run = prune(model, temp.resolve("x"), "--restore", "none", "--memory", "10m");

    // THEN
    assertFails(run, 1, "memory budget 10.0 MiB", "with one layer in memory at a time");
    Matcher smallest = Pattern.compile("--memory ([0-9]+m) or more").matcher(run.err());
    assertThat(smallest.find()).isTrue();
    String[] options = {"--restore", "none", "--memory", smallest.group(1)};
    assertThat(prune(model, temp.resolve("y"), options).exitCode()).isZero();
  }

  private static CommandRun logits(Path ids, Path out) {
    return CommandRun.of(
        "logits", model.toString(), "--ids", ids.toString(), "--out", out.toString());
  }

  @Test
  void theJournalOfAnotherRunIsRefusedUntilItIsGivenUp() throws IOException {
    // GIVEN the journal of an interrupted run beside the target
    Path out = temp.resolve("resumed");
    Path folder = temp.resolve("resumed.journal");
    try (JournalFolder journal =
        JournalFolder.open(folder, Map.of("criterion", "fms"), Duration.ZERO)) {
      journal.saveIfDue(
          "score", () -> new PassState(1, JsonNull.INSTANCE, ArraySource.of(List.of())));
    }

    // WHEN another run has that target
    CommandRun refused = prune(model, out);

    // THEN it is refused by name, and does its work when told to begin anew
    assertFails(refused, 1, folder.toString(), "journal of another run", "fms", "--restart");
    assertThat(refused.err()).doesNotContain("going on");
    assertThat(out).doesNotExist();
    assertThat(prune(model, out, "--restore", "none", "--restart").exitCode()).isZero();
    assertThat(out.resolve("model.safetensors")).exists();
    assertThat(folder).doesNotExist();
  }

  @Test
  void applyKeepsAJournalOfItsOwn() throws IOException {
    // GIVEN a plan with a restoration, and the journal of an interrupted run beside the target
    Path plan = temp.resolve("journal-plan.json");
    CommandRun.succeeding("prune", model, "--plan-only", plan, "--samples", 8);
    Path out = temp.resolve("applied");
    Path folder = temp.resolve("applied.journal");
    try (JournalFolder journal =
        JournalFolder.open(folder, Map.of("plan", "another"), Duration.ZERO)) {
      journal.saveIfDue(
          "restore", () -> new PassState(1, JsonNull.INSTANCE, ArraySource.of(List.of())));
    }
    String[] line = {
      "apply",
      model.toString(),
      "--plan",
      plan.toString(),
      "--samples",
      "8",
      "--out",
      out.toString()
    };

    // WHEN
    CommandRun refused = CommandRun.of(line);

    // THEN it is refused by name, and does its work when told to begin anew
    assertFails(refused, 1, folder.toString(), "journal of another run", "plan", "--restart");
    assertThat(out).doesNotExist();
    CommandRun anew =
        CommandRun.of(
            Stream.concat(Stream.of(line), Stream.of("--restart")).toArray(String[]::new));
    assertThat(anew.exitCode()).as(anew.err()).isZero();
    assertThat(anew.err()).contains("forecast: about");
    assertThat(folder).doesNotExist();
  }
}
