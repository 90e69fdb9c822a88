package org.minillm.core.evaluation;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.gson.Gson;
import com.google.gson.JsonSyntaxException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

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

  /** The two forms of a line, as Gson reads them. */
  private record Line(
      @Nullable String context,
      @Nullable List<String> choices,
      @Nullable List<String> contexts,
      @Nullable String continuation,
      @Nullable Integer answer) {

    TaskItem item() {
      checkArgument(answer != null, "no \"answer\"");
      if (context != null && choices != null) {
        return new TaskItem(
            ImmutableList.copyOf(Collections.nCopies(choices.size(), context)),
            ImmutableList.copyOf(choices),
            answer);
      }
      checkArgument(
          contexts != null && continuation != null,
          "expected \"context\" and \"choices\", or \"contexts\" and \"continuation\"");
      return new TaskItem(
          ImmutableList.copyOf(contexts),
          ImmutableList.copyOf(Collections.nCopies(contexts.size(), continuation)),
          answer);
    }
  }

  /**
   * Reads a task file: one JSON object a line, {@code {"context": …, "choices": [ … ], "answer":
   * 0}} or {@code {"contexts": [ … ], "continuation": …, "answer": 0}}; other keys are passed over.
   *
   * @param file UTF-8, one object a line
   * @param limit at most that many from the start
   * @return the items
   * @throws IOException if the file cannot be read or a line is not of that form; the message names
   *     the line
   */
  public static ImmutableList<TaskItem> read(Path file, int limit) throws IOException {
    requireNonNull(file, "file");
    Gson gson = new Gson();
    ImmutableList.Builder<TaskItem> items = ImmutableList.builder();
    List<String> lines = Files.readAllLines(file);
    for (int i = 0; i < Math.min(limit, lines.size()); i++) {
      try {
        Line line = gson.fromJson(lines.get(i), Line.class);
        checkArgument(line != null, "an empty line");
        items.add(line.item());
      } catch (JsonSyntaxException | IllegalArgumentException | NullPointerException e) {
        throw new IOException(file + ", line " + (i + 1) + ": " + e.getMessage(), e);
      }
    }
    if (lines.isEmpty()) {
      throw new IOException(file + ": no line, expected one JSON object a line");
    }
    return items.build();
  }
}
