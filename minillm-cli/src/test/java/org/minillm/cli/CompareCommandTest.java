package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.minillm.cli.CommandRun.json;
import static org.minillm.cli.CommandRun.succeeding;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.demo.DemoData;

/** Several models measured in one run. */
class CompareCommandTest {

  @TempDir static Path temp;
  private static Path dense;
  private static Path pruned;
  private static Path text;
  private static Path task;
  private static Path prompts;

  @BeforeAll
  static void pruneTheDemo() throws IOException {
    Path demo = DemoData.extract(temp.resolve("demo"));
    dense = DemoData.model(demo);
    text = DemoData.evaluation(demo);
    pruned = temp.resolve("smaller");
    succeeding("prune", dense, "--out", pruned, "--criterion", "magnitude", "--ratio", "0.5");
    task =
        Files.writeString(
            temp.resolve("capitals.jsonl"),
            """
            {"context": "The capital of France is", "choices": [" Paris", " a fish"], "answer": 0}
            {"context": "The capital of Spain is", "choices": [" a fish", " Madrid"], "answer": 1}
            """);
    prompts = Files.writeString(temp.resolve("prompts.txt"), "The history of\n\nIn the year\n");
  }

  private static double number(JsonObject json, String key) {
    return json.get(key).getAsDouble();
  }

  @Test
  void modelsStandSideBySideInOneTable() throws IOException {
    // WHEN
    Path report = temp.resolve("compare.json");
    CommandRun run =
        succeeding(
            "compare",
            dense,
            pruned,
            "--perplexity",
            text,
            "--max-windows",
            4,
            "--tasks",
            task,
            "--prompts",
            prompts,
            "--max-new-tokens",
            8,
            "--json",
            report);

    // THEN each measure is a line, each model a column
    assertThat(run.out())
        .containsSubsequence(
            "tiny-llama",
            "smaller",
            "parameters",
            "2,410,176",
            "1,820,352",
            "evaluation perplexity",
            "evaluation ln ratio",
            "capitals acc",
            "token agreement",
            "1.0000",
            "tokens a second");

    // THEN the dense model agrees with itself, and the ratio is that of the perplexities
    JsonObject found = json(report);
    assertThat(number(found, "dense_token_agreement")).isEqualTo(1);
    assertThat(number(found, "dense_exact_matches")).isEqualTo(1);
    assertThat(number(found, "dense_common_prefix")).isBetween(1.0, 8.0);
    assertThat(number(found, "pruned_1_token_agreement")).isBetween(0.0, 0.99);
    assertThat(number(found, "pruned_1_tokens_per_second")).isPositive();
    double ratio =
        number(found, "pruned_1_evaluation_perplexity")
            / number(found, "dense_evaluation_perplexity");
    assertThat(number(found, "pruned_1_evaluation_log_ratio"))
        .isCloseTo(Math.log(ratio), within(1e-9));
    assertThat(number(found, "pruned_1_evaluation_log_ratio_stderr")).isPositive();
    assertThat(found.has("dense_evaluation_log_ratio")).isFalse();
    assertThat(number(found, "pruned_1_capitals_items")).isEqualTo(2);
  }

  @Test
  void measuresAreThoseOfEvaluate() throws IOException {
    // GIVEN
    Path alone = temp.resolve("alone.json");
    succeeding(
        "evaluate",
        pruned,
        "--perplexity",
        text,
        "--max-windows",
        2,
        "--tasks",
        task,
        "--json",
        alone);

    // WHEN
    Path together = temp.resolve("together.json");
    succeeding(
        "compare",
        dense,
        pruned,
        "--perplexity",
        text,
        "--max-windows",
        2,
        "--tasks",
        task,
        "--json",
        together);

    // THEN
    for (String key : new String[] {"capitals_acc", "capitals_acc_norm_stderr"}) {
      assertThat(number(json(together), "pruned_1_" + key)).isEqualTo(number(json(alone), key));
    }
    assertThat(number(json(together), "pruned_1_evaluation_perplexity"))
        .isEqualTo(number(json(alone), "perplexity"));
  }

  @Test
  void modelOfAnotherVocabularyIsRefused() throws IOException {
    // GIVEN a model with a smaller vocabulary, as its config.json says
    Path other = Files.createDirectory(temp.resolve("other"));
    try (Stream<Path> files = Files.list(dense)) {
      for (Path file : files.toList()) {
        Files.copy(file, other.resolve(file.getFileName()));
      }
    }
    JsonObject config = json(other.resolve("config.json"));
    config.addProperty("vocab_size", 100);
    Files.writeString(other.resolve("config.json"), config.toString());

    // WHEN
    CommandRun run =
        CommandRun.of(
            "compare", dense.toString(), other.toString(), "--prompts", prompts.toString());

    // THEN
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err()).contains("minillm: ").contains("other");
  }

  @Test
  void modelOfAnotherTokenizerIsRefused() throws IOException {
    // GIVEN the same model with two tokens of its tokenizer exchanged
    Path other = copy("exchanged");
    Path file = other.resolve("tokenizer.json");
    JsonObject tokenizer = json(file);
    JsonObject vocabulary = tokenizer.getAsJsonObject("model").getAsJsonObject("vocab");
    int first = vocabulary.get("Ġthe").getAsInt();
    vocabulary.addProperty("Ġthe", vocabulary.get("Ġof").getAsInt());
    vocabulary.addProperty("Ġof", first);
    Files.writeString(file, tokenizer.toString());

    // WHEN
    CommandRun run =
        CommandRun.of(
            "compare", dense.toString(), other.toString(), "--prompts", prompts.toString());

    // THEN
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err()).contains("exchanged: its tokenizer makes other tokens of these texts");
  }

  @Test
  void tokenizerThatIsWrittenOtherwiseCompares() throws IOException {
    // GIVEN the same tokenizer, as another program wrote it
    Path other = copy("rewritten");
    Path file = other.resolve("tokenizer.json");
    Files.writeString(file, json(file) + "\n\n");

    // WHEN
    CommandRun run =
        CommandRun.of(
            "compare", dense.toString(), other.toString(), "--prompts", prompts.toString());

    // THEN
    assertThat(run.exitCode()).as(run.err()).isZero();
  }

  private Path copy(String name) throws IOException {
    Path other = Files.createDirectory(temp.resolve(name));
    try (Stream<Path> files = Files.list(dense)) {
      for (Path file : files.toList()) {
        Files.copy(file, other.resolve(file.getFileName()));
      }
    }
    return other;
  }
}
