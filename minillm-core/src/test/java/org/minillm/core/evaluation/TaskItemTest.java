package org.minillm.core.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.minillm.core.files.MalformedFileException;

class TaskItemTest {

  private static final String ITEM =
      "{\"context\": \"a\", \"choices\": [\" b\", \" c\"], \"answer\": 1}";

  @TempDir Path folder;

  private Path file(String text) throws IOException {
    return Files.writeString(folder.resolve("tasks.jsonl"), text);
  }

  @Test
  void readsBothFormsAndPassesOverBlankLinesAndOtherKeys() throws IOException {
    // GIVEN
    Path file =
        file(
            ITEM
                + "\r\n\n  \n"
                + "{\"id\": 7, \"contexts\": [\"x\", \"y\"], \"continuation\": \" z\", \"answer\": 0}");

    // THEN
    assertThat(TaskItem.read(file, Integer.MAX_VALUE))
        .extracting(item -> item.contexts() + " " + item.continuations() + " " + item.answer())
        .containsExactly("[a, a] [ b,  c] 1", "[x, y] [ z,  z] 0");
  }

  @Test
  void readsNoMoreThanAskedFor() throws IOException {
    assertThat(TaskItem.read(file(ITEM + "\n\n" + ITEM + "\n" + ITEM), 2)).hasSize(2);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"context\": \"a\", \"choices\": [\"b\", \"c\"], \"answer\": \"D\"}"
            + "| answer: expected the number of the right answer, 0 to 1, found \"D\"",
        "{\"context\": \"a\", \"choices\": [\"b\", \"c\"], \"answer\": 2}"
            + "| answer: expected the number of the right answer, 0 to 1, found 2",
        "{\"context\": \"a\", \"choices\": [\"b\", \"c\"]}| key \"answer\" is missing",
        "{\"context\": \"a\", \"choices\": {\"text\": 1}, \"answer\": 0}"
            + "| choices: expected an array of at least 2 strings, found an object",
        "{\"context\": \"a\", \"choices\": [\"b\"], \"answer\": 0}"
            + "| choices: expected an array of at least 2 strings, found an array",
        "{\"context\": \"a\", \"choices\": [\"b\", 3], \"answer\": 0}"
            + "| choices[1]: expected a string, found 3",
        "{\"context\": \"\", \"choices\": [\"b\", \"c\"], \"answer\": 0}"
            + "| context: expected a text to continue, found \"\"",
        "{\"question\": \"a\", \"answerKey\": \"A\"}| expected \"context\" and \"choices\", or"
            + " \"contexts\" and \"continuation\", found question, answerKey",
        "7| expected an object, found 7",
        "{\"context\": \"a| not valid JSON at column 15 path $.context",
      })
  void namesFileLineKeyWhatWasFoundAndWhatWasExpected(String line, String words)
      throws IOException {
    Path file = file(ITEM + "\n\n" + line + "\n");
    assertThatThrownBy(() -> TaskItem.read(file, Integer.MAX_VALUE))
        .isInstanceOf(MalformedFileException.class)
        .hasMessage(file + ", line 3: " + words);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {"[%s,", "{"})
  void objectsOverSeveralLinesAndArraysHaveARemedy(String firstLine) throws IOException {
    Path file = file(firstLine.formatted(ITEM) + "\n" + ITEM + "]\n");
    assertThatThrownBy(() -> TaskItem.read(file, Integer.MAX_VALUE))
        .hasMessageStartingWith(file + ", line 1: ")
        .hasMessageContaining("expected one object a line, as jq -c");
  }

  @Test
  void aFileWithoutATaskIsRefused() throws IOException {
    Path file = file("\n\n");
    assertThatThrownBy(() -> TaskItem.read(file, 1))
        .hasMessage(file + ": no task, expected one JSON object a line");
  }
}
