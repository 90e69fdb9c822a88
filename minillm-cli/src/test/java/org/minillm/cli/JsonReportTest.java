package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonReportTest {

  @Test
  void writesOneFlatObjectInTheOrderGiven() {
    // GIVEN
    JsonReport report =
        new JsonReport()
            .put("perplexity", 89.5)
            .put("model", "tiny <llama>")
            .put("parameters", 2_410_176L)
            .put("uniform", true);

    // WHEN / THEN
    assertThat(report)
        .hasToString(
            """
            {
              "perplexity": 89.5,
              "model": "tiny <llama>",
              "parameters": 2410176,
              "uniform": true
            }""");
  }

  @Test
  void writesNullForWhatIsNoNumber() {
    // WHEN
    JsonReport report =
        new JsonReport().put("perplexity", Double.POSITIVE_INFINITY).put("loss", Double.NaN);

    // THEN
    assertThat(report.toString()).containsSubsequence("\"perplexity\": null", "\"loss\": null");
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
