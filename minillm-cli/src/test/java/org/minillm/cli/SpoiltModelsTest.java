package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.minillm.demo.DemoData;

/** What the command says of a model whose numbers, or whose tensors, are not as they should be. */
class SpoiltModelsTest {

  private static final String UP = "model.layers.1.mlp.up_proj.weight";

  @TempDir static Path temp;
  private static Path model;
  private static Path text;

  /** The demo's model with one NaN. */
  private static Path damaged;

  @BeforeAll
  static void spoilTheDemo() throws IOException {
    Path demo = DemoData.extract(temp.resolve("demo"));
    model = DemoData.model(demo);
    text = DemoData.calibration(demo);
    damaged = Files.createDirectory(temp.resolve("damaged"));
    copyTo(damaged);
    try (RandomAccessFile file =
        new RandomAccessFile(damaged.resolve("model.safetensors").toFile(), "rw")) {
      byte[] header = header(file);
      file.seek(8 + header.length + offset(header, UP));
      file.write(new byte[] {0x00, 0x7e}); // a NaN of binary16
    }
  }

  private static void copyTo(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(model)) {
      for (Path file : files.toList()) {
        Files.copy(file, folder.resolve(file.getFileName()));
      }
    }
  }

  private static byte[] header(RandomAccessFile file) throws IOException {
    byte[] header = new byte[(int) Long.reverseBytes(file.readLong())];
    file.readFully(header);
    return header;
  }

  private static long offset(byte[] header, String tensor) {
    JsonObject json =
        JsonParser.parseString(new String(header, StandardCharsets.UTF_8)).getAsJsonObject();
    JsonObject entry = json.getAsJsonObject(tensor);
    assertThat(entry.get("dtype").getAsString()).isEqualTo("F16");
    return entry.getAsJsonArray("data_offsets").get(0).getAsLong();
  }

  static Stream<List<String>> commands() throws IOException {
    Path ids = Files.writeString(temp.resolve("ids.json"), "[[1,2,3,4]]");
    String bad = damaged.toString();
    return Stream.of(
        List.of("evaluate", bad, "--perplexity", text.toString(), "--max-windows", "2"),
        List.of("compare", model.toString(), bad, "--perplexity", text.toString()),
        List.of("generate", bad, "--prompt", "The city", "--max-new-tokens", "2"),
        List.of("logits", bad, "--ids", ids.toString(), "--out", temp + "/written"),
        List.of("prune", bad, "--samples", "8", "--out", temp + "/written"),
        List.of(
            "prune",
            bad,
            "--criterion",
            "magnitude",
            "--restore",
            "none",
            "--out",
            temp + "/written"),
        List.of("bench", "passes", bad),
        List.of("bench", "speed", bad));
  }

  @ParameterizedTest
  @MethodSource("commands")
  void everyCommandNamesTheTensorThatIsNotFinite(List<String> command) {
    CommandRun run = CommandRun.of(command.toArray(String[]::new));
    assertThat(run.exitCode()).as(run.err()).isEqualTo(1);
    assertThat(run.err())
        .contains(
            "minillm: " + damaged.resolve("model.safetensors") + ": " + UP + "[0, 0] is NaN",
            "download or convert the model again")
        .doesNotContain("\tat ");
    assertThat(temp.resolve("written")).doesNotExist();
  }

  @Test
  void inspectNamesWhatNothingReads() throws IOException {
    // GIVEN a norm of queries, which LLaMA does not have
    Path folder = Files.createDirectory(temp.resolve("unread"));
    copyTo(folder);
    try (RandomAccessFile file =
        new RandomAccessFile(folder.resolve("model.safetensors").toFile(), "rw")) {
      String header = new String(header(file), StandardCharsets.UTF_8).stripTrailing();
      rewrite(
          file,
          header.substring(0, header.length() - 1)
              + ",\"model.layers.0.self_attn.q_norm.weight\":{\"dtype\":\"BF16\",\"shape\":[0],"
              + "\"data_offsets\":[0,0]}}");
    }

    // WHEN
    Path report = temp.resolve("unread.json");
    CommandRun inspected = CommandRun.succeeding("inspect", folder, "--json", report);
    CommandRun pruned =
        CommandRun.of(
            "prune", folder.toString(), "--samples", "8", "--out", temp.resolve("x").toString());

    // THEN
    assertThat(inspected.out())
        .contains("note: 1 tensor that nothing reads: model.layers.0.self_attn.q_norm.weight");
    assertThat(CommandRun.json(report).get("unread_tensors").getAsInt()).isEqualTo(1);
    assertThat(pruned.exitCode()).isEqualTo(1);
    assertThat(pruned.err()).contains("q_norm.weight", "set num_hidden_layers, attention_bias");
  }

  private static void rewrite(RandomAccessFile file, String header) throws IOException {
    byte[] data = new byte[(int) (file.length() - file.getFilePointer())];
    file.readFully(data);
    byte[] bytes = header.getBytes(StandardCharsets.UTF_8);
    file.setLength(0);
    file.seek(0);
    file.writeLong(Long.reverseBytes(bytes.length));
    file.write(bytes);
    file.write(data);
  }

  @Test
  void aWindowBeyondThePositionsOfARotaryModelIsWarnedOfOnce() {
    PrintStream before = System.err;
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
    try {
      CommandRun.succeeding(
          "evaluate", model, "--perplexity", text, "--window", 520, "--max-windows", 2);
    } finally {
      System.setErr(before);
    }
    assertThat(err.toString(StandardCharsets.UTF_8))
        .containsOnlyOnce("520 tokens in a row, but the model was made for 512");
  }
}
