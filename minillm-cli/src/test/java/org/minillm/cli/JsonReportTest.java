package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonReportTest {

  @TempDir Path folder;

  @Test
  void writesOneFlatObjectInTheOrderGiven() throws IOException {
    // GIVEN
    JsonReport report =
        new JsonReport()
            .put("perplexity", 89.5)
            .put("model", "tiny <llama>")
            .put("parameters", 2_410_176L)
            .put("uniform", true);
    Path file = folder.resolve("report.json");

    // WHEN
    report.write(file);

    // THEN
    assertThat(file)
        .hasContent(
            """
            {
              "perplexity": 89.5,
              "model": "tiny <llama>",
              "parameters": 2410176,
              "uniform": true
            }
            """);
  }

  @Test
  void writesNullForWhatIsNoNumber() {
    // WHEN
    JsonReport report =
        new JsonReport().put("perplexity", Double.POSITIVE_INFINITY).put("loss", Double.NaN);

    // THEN
    assertThat(report.toString()).containsSubsequence("\"perplexity\": null", "\"loss\": null");
  }

  @Test
  void makesTheFolderReplacesTheFileAndLeavesNothingElse() throws IOException {
    // GIVEN
    Path file = folder.resolve("new").resolve("report.json");
    new JsonReport().put("run", 1).write(file);

    // WHEN
    new JsonReport().put("run", 2).write(file);

    // THEN
    assertThat(file).content().contains("\"run\": 2");
    assertThat(file.getParent()).isDirectoryContaining(file::equals);
    assertThat(file.getParent().toFile().list()).containsExactly("report.json");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "Perplexity", "keptUnits", "kept-units", "_kept", "kept__units", "1st"})
  void refusesAKeyThatIsNotSnakeCase(String key) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new JsonReport().put(key, 1))
        .withMessageContaining("expected snake_case");
  }

  @Test
  void refusesAKeyThatIsThereAlready() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new JsonReport().put("ratio", 0.2).put("ratio", "0.2"))
        .withMessage("JSON key ratio: given twice");
  }
}
