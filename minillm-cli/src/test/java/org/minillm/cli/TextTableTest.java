package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

class TextTableTest {

  @Test
  void alignsNumbersToTheRightAndTextToTheLeft() {
    // GIVEN
    TextTable table =
        new TextTable("group", "units", "change")
            .row("mlp_channels", "512", "-20.0%")
            .row("attention_heads", "3", "");

    // WHEN
    String text = printed(table);

    // THEN
    assertThat(text)
        .isEqualToNormalizingNewlines(
            """
            group            units  change
            mlp_channels       512  -20.0%
            attention_heads      3
            """);
  }

  @Test
  void oneWordMakesAColumnText() {
    // GIVEN
    TextTable table = new TextTable("perplexity", "model").row("89.5", "a").row("not run", "b");

    // WHEN / THEN
    assertThat(printed(table))
        .isEqualToNormalizingNewlines(
            """
            perplexity  model
            89.5        a
            not run     b
            """);
  }

  @Test
  void refusesARowOfAnotherLength() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new TextTable("a", "b").row("1"))
        .withMessage("1 cells, expected 2");
  }

  private static String printed(TextTable table) {
    StringWriter text = new StringWriter();
    table.print(new PrintWriter(text, true));
    return text.toString();
  }
}
