package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.evaluation.Generation;
import org.minillm.core.evaluation.MultipleChoice;
import org.minillm.core.evaluation.Perplexity;
import org.minillm.core.evaluation.Sampling;
import org.minillm.core.evaluation.TaskItem;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.Tokenizer;
import org.minillm.demo.DemoData;

/** What trained models say of real text, against Hugging Face transformers. */
class TrainedModelGoldensTest {

  /** Relative; both sides add float32 numbers in another order. */
  private static final double PERPLEXITY_TOLERANCE = 1e-4;

  /** Sums of up to some ten token scores, each within 1e-5. */
  private static final double LOG_LIKELIHOOD_TOLERANCE = 5e-4;

  @TempDir static Path temp;

  private static JsonObject golden(String name) throws IOException {
    Path file = Path.of("src/test/resources/goldens", name + ".json");
    return JsonParser.parseString(Files.readString(file)).getAsJsonObject();
  }

  private static CausalLm open(String name) throws IOException {
    return CausalLm.open(TestModels.folder(name, temp));
  }

  private static int[] ints(JsonArray array) {
    return array.asList().stream().mapToInt(JsonElement::getAsInt).toArray();
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-llama", "tiny-opt", "tiny-bloom"})
  void greedyGenerationIsTheSameTokenForToken(String name) throws IOException {
    JsonObject golden = golden(name);
    try (CausalLm model = open(name);
        Tokenizer tokenizer = model.tokenizer()) {
      // GIVEN a sentence
      int[] prompt = tokenizer.encode(golden.get("sentence").getAsString());
      assertThat(prompt).isEqualTo(ints(golden.getAsJsonArray("sentence_ids")));

      // WHEN it is continued
      int[] added =
          new Generation(model, Sampling.GREEDY, 32, Set.of())
              .run(List.of(prompt), Generation.TokenListener.NONE)
              .get(0);

      // THEN every token is the one that transformers chose
      assertThat(added).isEqualTo(ints(golden.getAsJsonArray("greedy_new_ids")));
      assertThat(tokenizer.decode(added)).isEqualTo(golden.get("greedy_new_text").getAsString());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-llama", "tiny-opt", "tiny-bloom"})
  void perplexityOfWikiTextIsTheSameWindowByWindow(String name) throws IOException {
    JsonObject golden = golden(name).getAsJsonObject("wikitext2_test");
    try (CausalLm model = open(name);
        Tokenizer tokenizer = model.tokenizer()) {
      // GIVEN the first part of the test text
      Path text = DemoData.evaluation(DemoData.extract(temp.resolve("texts")));

      // WHEN 64 windows are measured
      Perplexity measured =
          Perplexity.measure(
              model,
              "WikiText-2",
              tokenizer.encodeFile(text),
              golden.get("window_length").getAsInt(),
              golden.get("windows").getAsInt(),
              PassListener.SILENT);

      // THEN the mean loss of every window and the perplexity agree
      double expected = golden.get("perplexity").getAsDouble();
      assertThat(measured.perplexity())
          .isCloseTo(expected, within(expected * PERPLEXITY_TOLERANCE));
      assertThat(measured.predictedTokens()).isEqualTo(golden.get("predicted_tokens").getAsLong());
      JsonArray windows = golden.getAsJsonArray("window_mean_nll");
      for (int w = 0; w < windows.size(); w++) {
        assertThat(measured.windowNegativeLogLikelihoods().get(w))
            .as("window %d", w)
            .isCloseTo(windows.get(w).getAsDouble(), within(PERPLEXITY_TOLERANCE));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "tiny-llama, arc_easy",
    "tiny-llama, piqa",
    "tiny-opt, arc_easy",
    "tiny-opt, piqa",
    "tiny-bloom, arc_easy",
    "tiny-bloom, piqa"
  })
  void choicesAreScoredAsInTheEvaluationHarness(String name, String task) throws IOException {
    JsonObject golden = golden(name).getAsJsonObject(task + "_first_50");
    try (CausalLm model = open(name);
        Tokenizer tokenizer = model.tokenizer()) {
      // GIVEN the first 50 questions
      ImmutableList<TaskItem> items =
          TaskItem.read(Path.of("src/test/resources/tasks", task + ".first50.jsonl"), 50);

      // WHEN the model answers them
      MultipleChoice measured =
          MultipleChoice.measure(model, tokenizer, task, items, PassListener.SILENT);

      // THEN log-likelihoods, both predictions and both accuracies are those of transformers
      JsonArray lines = golden.getAsJsonArray("lines");
      for (int i = 0; i < lines.size(); i++) {
        JsonObject line = lines.get(i).getAsJsonObject();
        MultipleChoice.Answered answered = measured.items().get(i);
        JsonArray expected = line.getAsJsonArray("log_likelihoods");
        for (int c = 0; c < expected.size(); c++) {
          assertThat(answered.logLikelihoods().get(c))
              .as("%s, choice %d", line.get("id"), c)
              .isCloseTo(expected.get(c).getAsDouble(), within(LOG_LIKELIHOOD_TOLERANCE));
        }
        assertThat(answered.prediction()).isEqualTo(line.get("prediction").getAsInt());
        assertThat(answered.predictionNormalised())
            .isEqualTo(line.get("prediction_normalised").getAsInt());
      }
      assertThat(measured.accuracy()).isEqualTo(golden.get("accuracy").getAsDouble());
      assertThat(measured.accuracyNormalised())
          .isEqualTo(golden.get("accuracy_normalised").getAsDouble());
    }
  }
}
