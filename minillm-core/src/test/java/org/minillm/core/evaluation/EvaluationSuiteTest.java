package org.minillm.core.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EvaluationSuiteTest {

  @ParameterizedTest
  @CsvSource({
    "data/wikitext2.test.txt, wikitext2_test",
    "arc_easy.jsonl, arc_easy",
    "WikiText-2 (test).txt, wikitext_2_test",
    "2024.txt, file_2024"
  })
  void resultIsNamedAfterItsFileInSnakeCase(Path file, String name) {
    assertThat(EvaluationSuite.nameOf(file)).isEqualTo(name);
  }

  @Test
  void twoFilesOfOneNameAreRefusedBeforeAnythingIsMeasured() {
    // GIVEN
    ImmutableList<Path> texts =
        ImmutableList.of(Path.of("a", "test.txt"), Path.of("b", "test.txt"));

    // THEN
    assertThatThrownBy(() -> new EvaluationSuite(texts, ImmutableList.of(), 1, 128, 80))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("test.txt")
        .hasMessageContaining("would both be called test");
  }
}
