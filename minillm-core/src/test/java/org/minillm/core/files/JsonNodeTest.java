package org.minillm.core.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JsonNodeTest {

  private static final JsonNode NODE =
      JsonNode.parse("{\"sizes\": [1, {\"rows\": \"many\"}], \"rate\": 1.50e1, \"on\": true}");

  @Test
  void asksItsWayDown() {
    assertThat(NODE.get("sizes").items().get(0).integer()).isEqualTo(1);
    assertThat(NODE.get("rate").number()).isEqualTo(15.0);
    assertThat(NODE.get("on").flag()).isTrue();
    assertThat(NODE.find("off")).isEmpty();
  }

  @Test
  void namesThePlaceWhatWasFoundAndWhatWasExpected() {
    assertThatThrownBy(() -> NODE.get("sizes").items().get(1).get("rows").integer())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("sizes[1].rows: expected an integer, found \"many\"");
  }

  @Test
  void namesAMissingKey() {
    assertThatThrownBy(() -> NODE.get("sizes").items().get(1).get("columns"))
        .hasMessage("sizes[1]: key \"columns\" is missing");
  }

  @Test
  void keepsNumbersAsTheyAreWritten() {
    assertThat(NODE.get("rate").element()).hasToString("1.50e1");
  }

  @ParameterizedTest
  @ValueSource(strings = {"1.0", "1e0", "\"1\"", "2147483648", "[1]", "null", "true"})
  void takesNothingButAWholeNumberForAnInteger(String json) {
    assertThatThrownBy(() -> JsonNode.parse(json).integer())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("expected an integer, found");
  }

  @Test
  void refusesANumberThatNoDoubleHolds() {
    assertThatThrownBy(() -> JsonNode.parse("1e400").number())
        .hasMessage("expected a finite number, found 1e400");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'{\"a\": 1,}' | not valid JSON at line 1 column 10 path $.a",
        "'' | not valid JSON (it is empty)",
        "'[1] 2' | not valid JSON at line 1 column 6 path $",
        "'{\"a\": 1, \"a\": 2}' | key \"a\" occurs twice, at $.a",
        "'nul' | not valid JSON at line 1 column 1 path $"
      })
  void saysWhereATextIsNotJson(String json, String message) {
    assertThatThrownBy(() -> JsonNode.parse(json))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  @Test
  void refusesNestingThatWouldEndTheStack() {
    assertThatThrownBy(() -> JsonNode.parse("[".repeat(100_000)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("not valid JSON at line 1");
  }

  @Test
  void shortensWhatItQuotes() {
    assertThatThrownBy(() -> JsonNode.parse("\"" + "x".repeat(20_000) + "\"").integer())
        .hasMessage("expected an integer, found \"" + "x".repeat(59) + "…");
  }

  @Test
  void aMessageIsShortWhateverItQuotes() {
    assertThat(NODE.get("rate").refuse("it is " + "x".repeat(20_000)))
        .hasMessageStartingWith("rate: it is xxx")
        .hasMessageEndingWith("x…")
        .message()
        .hasSizeLessThan(1100);
  }

  @Test
  void putsTheFileBeforeWhatItsReaderRefuses(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("a.json"), "{\"size\": \"big\"}");

    assertThatThrownBy(() -> JsonNode.read(file, root -> root.get("size").integer()))
        .isInstanceOf(MalformedFileException.class)
        .hasMessage(file + ": size: expected an integer, found \"big\"");
  }
}
