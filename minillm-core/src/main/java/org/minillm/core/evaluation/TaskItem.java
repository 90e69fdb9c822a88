package org.minillm.core.evaluation;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.collect.ImmutableList.toImmutableList;
import static java.util.Objects.requireNonNull;

import com.google.common.base.Joiner;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.Iterables;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.MalformedFileException;

/**
 * One question with its possible answers, each a context and a continuation: either one context and
 * several choices, or several contexts and one continuation (WinoGrande).
 *
 * @param contexts one an answer
 * @param continuations one an answer
 * @param answer the number of the right one, from 0
 */
public record TaskItem(
    ImmutableList<String> contexts, ImmutableList<String> continuations, int answer) {

  /** Of a line that are named in a message. */
  private static final int MAX_KEYS = 8;

  // Checks that the answers have both parts and that the right one is among them.
  public TaskItem {
    requireNonNull(contexts, "contexts");
    requireNonNull(continuations, "continuations");
    checkArgument(
        contexts.size() == continuations.size() && contexts.size() > 1,
        "%s answers, expected at least 2",
        contexts.size());
    checkArgument(
        answer >= 0 && answer < contexts.size(),
        "answer %s, expected 0 to %s",
        answer,
        contexts.size() - 1);
  }

  /**
   * Reads a task file: one JSON object a line, {@code {"context": …, "choices": [ … ], "answer":
   * 0}} or {@code {"contexts": [ … ], "continuation": …, "answer": 0}}; other keys and blank lines
   * are passed over.
   *
   * @param file UTF-8, one object a line
   * @param limit at most that many from the start
   * @return the items
   * @throws IOException if the file cannot be read or a line is not of that form; the message names
   *     the line and the key
   */
  public static ImmutableList<TaskItem> read(Path file, int limit) throws IOException {
    requireNonNull(file, "file");
    ImmutableList<TaskItem> items = JsonNode.readLines(file, limit, TaskItem::of);
    if (items.isEmpty()) {
      throw new MalformedFileException(file + ": no task, expected one JSON object a line");
    }
    return items;
  }

  private static TaskItem of(JsonNode line) {
    if (line.find("context").isPresent() && line.find("choices").isPresent()) {
      ImmutableList<String> choices = texts(line.get("choices"));
      String context = context(line.get("context"));
      return new TaskItem(
          ImmutableList.copyOf(Collections.nCopies(choices.size(), context)),
          choices,
          answer(line, choices.size()));
    }
    if (line.find("contexts").isEmpty() || line.find("continuation").isEmpty()) {
      throw line.refuse(
          "expected \"context\" and \"choices\", or \"contexts\" and \"continuation\", found "
              + Joiner.on(", ").join(Iterables.limit(line.keys(), MAX_KEYS)));
    }
    texts(line.get("contexts"));
    ImmutableList<String> contexts =
        line.get("contexts").items().stream().map(TaskItem::context).collect(toImmutableList());
    return new TaskItem(
        contexts,
        ImmutableList.copyOf(Collections.nCopies(contexts.size(), line.get("continuation").text())),
        answer(line, contexts.size()));
  }

  private static ImmutableList<String> texts(JsonNode array) {
    if (!array.isArray() || array.items().size() < 2) {
      throw array.expected("an array of at least 2 strings");
    }
    return array.items().stream().map(JsonNode::text).collect(toImmutableList());
  }

  /**
   * Spaces at the end belong to what follows, and with nothing before it, there is no first token.
   */
  private static String context(JsonNode context) {
    if (context.text().isBlank()) {
      throw context.expected("a text to continue");
    }
    return context.text();
  }

  private static int answer(JsonNode line, int answers) {
    JsonNode answer = line.get("answer");
    double number = answer.isNumber() ? answer.number() : -1;
    if (number != Math.rint(number) || number < 0 || number >= answers) {
      throw answer.expected("the number of the right answer, 0 to %d".formatted(answers - 1));
    }
    return (int) number;
  }
}
