package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class ShellCommandsTest {

  @Test
  void findsCallsWhereACommandCanStand() {
    // GIVEN
    String lines =
        """
        git clone minillm && cd minillm && ./minillm demo
        # minillm nothing
        minillm inspect MODEL   # what can be pruned
        source <(minillm generate-completion)
        """;

    // WHEN / THEN
    assertThat(ShellCommands.of(lines))
        .containsExactly(
            List.of("demo"), List.of("inspect", "MODEL"), List.of("generate-completion"));
  }

  @Test
  void joinsContinuedLinesAndKeepsQuotedWordsWhole() {
    // GIVEN
    String lines =
        "./minillm generate MODEL \\\n    --prompt 'The history of' --max-new-tokens 3\n";

    // WHEN / THEN
    assertThat(ShellCommands.of(lines))
        .containsExactly(
            List.of("generate", "MODEL", "--prompt", "The history of", "--max-new-tokens", "3"));
  }

  @Test
  void ofASessionOnlyTheTypedLinesCount() {
    assertThat(ShellCommands.typed("$ minillm demo\nminillm: an answer\n"))
        .isEqualTo("minillm demo\n");
  }

  @Test
  void blocksHaveTheirLanguageAndTheLineBeforeThem() {
    // GIVEN
    List<String> lines =
        List.of("Text", "<!-- source: A.java -->", "```java", "a", "b", "```", "[x](y.md)");

    // WHEN
    MarkdownFile file = MarkdownFile.parse(Path.of("t.md"), lines);

    // THEN
    assertThat(file.blocks())
        .containsExactly(
            new MarkdownFile.Block("t.md:3", "java", "<!-- source: A.java -->", "a\nb\n"));
    assertThat(file.relativeLinks()).containsExactly("y.md");
  }
}
