package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.minillm.cli.CommandRun.json;
import static org.minillm.cli.CommandRun.succeeding;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.demo.DemoData;

/** What scripts rely on: the files that the commands write and the keys of their reports. */
class CommandsTest {

  @TempDir static Path temp;
  private static Path model;
  private static Path calibration;
  private static Path evaluation;

  @BeforeAll
  static void extractTheDemo() throws IOException {
    Path demo = DemoData.extract(temp.resolve("demo"));
    model = DemoData.model(demo);
    calibration = DemoData.calibration(demo);
    evaluation = DemoData.evaluation(demo);
  }

  @Test
  void pruneWritesASmallerModelAndAReport() throws IOException {
    // WHEN a fifth of the channels is pruned by the paper's criterion
    Path out = temp.resolve("fms");
    Path report = temp.resolve("fms.json");
    succeeding(
        "prune",
        model,
        "--out",
        out,
        "--ratio",
        "0.2",
        "--calibration",
        calibration,
        "--samples",
        4,
        "--criterion",
        "fms",
        "--restore",
        "none",
        "--probes",
        2,
        "--seed",
        7,
        "--json",
        report);

    // THEN the model is smaller by that and opens again
    JsonObject found = json(report);
    assertThat(found.get("prunable_ratio").getAsDouble()).isBetween(0.195, 0.205);
    assertThat(found.get("model_ratio").getAsDouble()).isBetween(0.09, 0.11);
    assertThat(found.get("parameters_before").getAsLong()).isEqualTo(2_410_176);
    assertThat(found.get("parameters_after").getAsLong()).isEqualTo(2_175_168);
    // no bias and no norm goes: a weight is a multiply-accumulate
    assertThat(
            found.get("macs_per_token_before").getAsLong()
                - found.get("macs_per_token_after").getAsLong())
        .isEqualTo(2_410_176 - 2_175_168);
    assertThat(found.get("forward_passes").getAsLong()).isEqualTo(3);
    assertThat(found.get("criterion").getAsString()).isEqualTo("fms");
    assertThat(found.get("gradient").getAsString()).isEqualTo("spsa");
    assertThat(found.get("recipe").getAsString()).startsWith("fms:").contains("seed=7");
    assertThat(found.keySet()).contains("seconds", "peak_rss_bytes");
    assertThat(json(out.resolve("config.json")).get("intermediate_size").getAsInt()).isEqualTo(410);
    assertThat(out.resolve("minillm-plan.json")).exists();
    assertThat(out.resolve("minillm-manifest.json")).exists();
    assertThat(out.resolve("tokenizer.json"))
        .hasSameBinaryContentAs(model.resolve("tokenizer.json"));
    assertThat(succeeding("inspect", out).out()).contains("2,175,168 parameters", "410");
  }

  @Test
  void pruneSaysWhatASearchHasFound() {
    // WHEN a plan is searched among two allocations that differ by their heads
    CommandRun run =
        succeeding(
            "prune",
            model,
            "--plan-only",
            temp.resolve("searched.json"),
            "--groups",
            "both",
            "--allocation",
            "search:among=uniform*trapezoid",
            "--restore",
            "none",
            "--samples",
            16);

    // THEN both losses are told beside the dense model's, and the choice
    assertThat(run.out())
        .containsPattern(
            "measured losses: dense 4\\.\\d{4}, trapezoid 4\\.\\d{4}, uniform 4\\.\\d{4}; chosen:"
                + " trapezoid");
  }

  @Test
  void pruneWithoutOptionsTakesTheBestRecipe() throws IOException {
    // WHEN half of the channels go by the default, and by the paper's method
    Path best = temp.resolve("best");
    Path paper = temp.resolve("paper");
    succeeding("prune", model, "--out", best, "--ratio", "0.5", "--samples", 16);
    succeeding(
        "prune",
        model,
        "--out",
        paper,
        "--ratio",
        "0.5",
        "--samples",
        16,
        "--criterion",
        "fms",
        "--restore",
        "none");

    // THEN it is obs with least squares on the program's own text, and the better model
    JsonObject facts = json(best.resolve("minillm-manifest.json")).getAsJsonObject("facts");
    assertThat(facts.get("criterion").getAsString()).isEqualTo("obs");
    assertThat(facts.get("restoration").getAsString()).isEqualTo("least-squares");
    assertThat(facts.get("calibration.source").getAsString()).isEqualTo("WikiText-2");
    assertThat(perplexity(best)).isLessThan(perplexity(paper));
  }

  @Test
  void namingADefaultChangesNothing() throws IOException {
    // GIVEN the plan of channels and heads that no option asks for
    Path unasked = temp.resolve("unasked.json");
    succeeding("prune", model, "--plan-only", unasked, "--groups", "both", "--samples", 8);
    Path recipe = temp.resolve("recipe.json");
    Files.writeString(recipe, succeeding("recipe").out());

    // WHEN each part of the default is named, all of them, and the recipe as a word and as a file
    List<List<String>> namings =
        List.of(
            List.of("--criterion", "obs"),
            List.of("--head-criterion", "obs"),
            List.of("--restore", "least-squares"),
            List.of("--allocation", "trapezoid"),
            List.of("--gradient", "spsa", "--probes", "1", "--epsilon", "1e-3", "--seed", "0"),
            List.of(
                "--criterion", "obs", "--restore", "least-squares", "--allocation", "trapezoid"),
            List.of("--recipe", "best"),
            List.of("--recipe", "obs+least-squares~trapezoid"),
            List.of("--recipe", recipe.toString()));

    // THEN it is the same plan, to the byte
    for (List<String> naming : namings) {
      Path named = temp.resolve("named-" + namings.indexOf(naming) + ".json");
      List<Object> line = new ArrayList<>(List.of("prune", model, "--plan-only", named));
      line.addAll(List.of("--groups", "both", "--samples", 8));
      line.addAll(naming);
      succeeding(line.toArray());
      assertThat(named).as("%s", naming).hasSameBinaryContentAs(unasked);
    }
  }

  @Test
  void aPlanIsRestoredWhenItIsApplied() throws IOException {
    // GIVEN the plan of a pruned model
    Path pruned = temp.resolve("restored");
    succeeding("prune", model, "--out", pruned, "--ratio", "0.5", "--samples", 16);

    // WHEN it is applied to the dense model
    Path applied = temp.resolve("restored-again");
    succeeding(
        "apply",
        model,
        "--plan",
        pruned.resolve("minillm-plan.json"),
        "--out",
        applied,
        "--samples",
        16);

    // THEN the weights are the same, restored ones included
    assertThat(applied.resolve("model.safetensors"))
        .hasSameBinaryContentAs(pruned.resolve("model.safetensors"));
  }

  private double perplexity(Path folder) throws IOException {
    Path report = temp.resolve("perplexity.json");
    succeeding(
        "evaluate", folder, "--perplexity", evaluation, "--max-windows", 16, "--json", report);
    return json(report).get("perplexity").getAsDouble();
  }

  @Test
  void criterionRunsOnlyThePassesThatItNeeds() throws IOException {
    for (String[] expected : new String[][] {{"magnitude", "0"}, {"wanda", "1"}, {"fms", "3"}}) {
      // WHEN
      Path report = temp.resolve(expected[0] + "-passes.json");
      succeeding(
          "prune",
          model,
          "--plan-only",
          temp.resolve(expected[0] + "-plan.json"),
          "--criterion",
          expected[0],
          "--restore",
          "none",
          "--calibration",
          calibration,
          "--samples",
          2,
          "--json",
          report);

      // THEN
      assertThat(json(report).get("forward_passes").getAsString()).isEqualTo(expected[1]);
    }
  }

  @Test
  void gradientsOfGatesAreMeasuredWithoutAndWithBackPropagation() throws IOException {
    for (String[] expected :
        new String[][] {{"gates:pairs=2", "gates", "4"}, {"backprop", "backprop", "2"}}) {
      // WHEN
      Path report = temp.resolve(expected[1] + ".json");
      succeeding(
          "prune",
          model,
          "--plan-only",
          temp.resolve(expected[1] + "-plan.json"),
          "--groups",
          "heads",
          "--criterion",
          "gate-fisher",
          "--gradient",
          expected[0],
          "--restore",
          "none",
          "--calibration",
          calibration,
          "--samples",
          2,
          "--json",
          report);

      // THEN
      assertThat(json(report).get("gradient").getAsString()).isEqualTo(expected[1]);
      assertThat(json(report).get("forward_passes").getAsString()).isEqualTo(expected[2]);
    }
  }

  @Test
  void aCombinationIsWrittenIntoThePlanAsItIsGiven() throws IOException {
    // WHEN
    Path plan = temp.resolve("combination.json");
    succeeding(
        "prune",
        model,
        "--plan-only",
        plan,
        "--criterion",
        "combination:of=(taylor:form=vector)*flap,by=rank_sum",
        "--gradient",
        "none",
        "--calibration",
        calibration,
        "--samples",
        2);

    // THEN
    assertThat(json(plan).getAsJsonObject("provenance").get("criterion.of").getAsString())
        .isEqualTo("(taylor:form=vector)*flap");
  }

  @Test
  void applyingAPlanWritesTheSameBytesAsPruning() throws IOException {
    // GIVEN the plan of a pruned model
    Path pruned = temp.resolve("pruned");
    succeeding("prune", model, "--out", pruned, "--criterion", "magnitude", "--groups", "both");

    // WHEN it is applied to the dense model
    Path applied = temp.resolve("applied");
    succeeding("apply", model, "--plan", pruned.resolve("minillm-plan.json"), "--out", applied);

    // THEN every file is the same
    try (Stream<Path> files = Files.list(pruned)) {
      for (Path file : files.toList()) {
        assertThat(applied.resolve(file.getFileName())).hasSameBinaryContentAs(file);
      }
    }
  }

  @Test
  void evaluateReportsPerplexityAndItsProtocol() throws IOException {
    // WHEN
    Path report = temp.resolve("evaluate.json");
    succeeding("evaluate", model, "--perplexity", evaluation, "--max-windows", 4, "--json", report);

    // THEN
    JsonObject found = json(report);
    assertThat(found.get("perplexity").getAsDouble()).isBetween(50.0, 150.0);
    assertThat(found.get("tokens").getAsInt()).isEqualTo(4 * 128);
    assertThat(found.get("predicted_tokens").getAsInt()).isEqualTo(4 * 127);
    assertThat(found.get("windows").getAsInt()).isEqualTo(4);
    assertThat(found.get("stride").getAsInt()).isEqualTo(128);
    assertThat(found.get("special_tokens").getAsBoolean()).isFalse();
  }

  @Test
  void evaluateNamesTheResultsOfSeveralTextsAfterThem() throws IOException {
    // WHEN
    Path report = temp.resolve("texts.json");
    succeeding(
        "evaluate",
        model,
        "--perplexity",
        evaluation + "," + calibration,
        "--max-windows",
        2,
        "--json",
        report);

    // THEN
    JsonObject found = json(report);
    assertThat(found.keySet()).doesNotContain("perplexity");
    assertThat(found.get("evaluation_perplexity").getAsDouble()).isPositive();
    assertThat(found.get("calibration_source").getAsString()).isEqualTo(calibration.toString());
  }

  @Test
  void evaluateAsksTasksOfBothForms() throws IOException {
    // GIVEN one question of each form
    Path task =
        Files.writeString(
            temp.resolve("two-forms.jsonl"),
            """
            {"context": "The capital of France is", "choices": [" Paris", " a fish"], "answer": 0}
            {"contexts": ["He went to the", "The the of"], "continuation": " city", "answer": 0}
            """);

    // WHEN
    Path report = temp.resolve("tasks.json");
    CommandRun run = succeeding("evaluate", model, "--tasks", task, "--json", report);

    // THEN
    assertThat(run.out()).contains("two_forms", "acc_norm");
    assertThat(json(report).get("two_forms_items").getAsInt()).isEqualTo(2);
    assertThat(json(report).get("two_forms_acc").getAsDouble()).isIn(0.0, 0.5, 1.0);
  }

  @Test
  void generateGivesTheSameTextForTheSameSeed() {
    // GIVEN
    Object[] drawn = {
      "generate",
      model,
      "--prompt",
      "The history of",
      "--max-new-tokens",
      8,
      "--temperature",
      1,
      "--top-k",
      50,
      "--top-p",
      0.9,
      "--seed",
      3
    };

    // THEN
    String first = succeeding(drawn).out();
    assertThat(first).startsWith("The history of");
    assertThat(succeeding(drawn).out()).isEqualTo(first);
    drawn[drawn.length - 1] = 4;
    assertThat(succeeding(drawn).out()).isNotEqualTo(first);
  }

  @Test
  void generateContinuesSeveralPromptsAsItContinuesEachAlone() throws IOException {
    // GIVEN two prompts as options and one in a file
    Path file = Files.writeString(temp.resolve("prompts.txt"), "\nThe city is known for\n");
    Path report = temp.resolve("texts-of-prompts.json");

    // WHEN
    CommandRun several =
        succeeding(
            "generate",
            model,
            "--prompt",
            "The history of",
            "--prompt",
            "In the year",
            "--prompts",
            file,
            "--max-new-tokens",
            8,
            "--json",
            report);

    // THEN each line is what the prompt alone gives
    String[] prompts = {"The history of", "In the year", "The city is known for"};
    StringBuilder alone = new StringBuilder();
    for (String prompt : prompts) {
      alone.append(succeeding("generate", model, "--prompt", prompt, "--max-new-tokens", 8).out());
    }
    assertThat(several.out()).isEqualTo(alone.toString());
    JsonObject found = json(report);
    assertThat(found.get("prompt_3").getAsString()).isEqualTo("The city is known for");
    assertThat(prompts[1] + found.get("text_2").getAsString()).isSubstringOf(several.out());
    assertThat(found.get("new_tokens").getAsInt()).isPositive();
  }

  @Test
  void logitsAreOneTensorOfBatchTimeVocabulary() throws IOException {
    // GIVEN
    Path ids = Files.writeString(temp.resolve("ids.json"), "[[5, 6, 7], [8, 9, 10]]");
    Path out = temp.resolve("logits.safetensors");

    // WHEN
    succeeding("logits", model, "--ids", ids, "--out", out);

    // THEN
    byte[] bytes = Files.readAllBytes(out);
    int header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt();
    String head = new String(Arrays.copyOfRange(bytes, 8, 8 + header), StandardCharsets.UTF_8);
    JsonObject logits =
        JsonParser.parseString(head.strip()).getAsJsonObject().getAsJsonObject("logits");
    assertThat(logits.get("dtype").getAsString()).isEqualTo("F32");
    assertThat(logits.getAsJsonArray("shape").toString()).isEqualTo("[2,3,4096]");
    assertThat(bytes).hasSize(8 + header + 2 * 3 * 4096 * 4);
  }
}
