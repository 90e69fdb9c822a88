package org.minillm.cli;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.base.Strings;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** A table in plain text. Columns of numbers are aligned to the right, others to the left. */
final class TextTable {

  private static final String GAP = "  ";

  private static final Pattern NUMBER = Pattern.compile("[-+]?[0-9].*");

  private final List<String> headings;
  private final List<List<String>> rows = new ArrayList<>();

  TextTable(String... headings) {
    this.headings = List.of(headings);
  }

  /**
   * Adds a row.
   *
   * @param cells one a heading; an empty cell is allowed
   * @return this
   */
  TextTable row(String... cells) {
    checkArgument(
        cells.length == headings.size(), "%s cells, expected %s", cells.length, headings.size());
    rows.add(List.of(cells));
    return this;
  }

  /**
   * Prints the headings and the rows.
   *
   * @param out where the lines go
   */
  void print(PrintWriter out) {
    List<List<String>> lines = new ArrayList<>();
    lines.add(headings);
    lines.addAll(rows);
    for (List<String> line : lines) {
      StringBuilder text = new StringBuilder();
      for (int column = 0; column < line.size(); column++) {
        text.append(column == 0 ? "" : GAP).append(padded(lines, line.get(column), column));
      }
      out.println(text.toString().stripTrailing());
    }
  }

  private String padded(List<List<String>> lines, String cell, int column) {
    int width = lines.stream().mapToInt(line -> line.get(column).length()).max().orElse(0);
    return isNumeric(column)
        ? Strings.padStart(cell, width, ' ')
        : Strings.padEnd(cell, width, ' ');
  }

  private boolean isNumeric(int column) {
    return rows.stream()
        .map(row -> row.get(column))
        .allMatch(cell -> cell.isEmpty() || NUMBER.matcher(cell).matches());
  }
}
