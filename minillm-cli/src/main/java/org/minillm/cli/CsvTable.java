package org.minillm.cli;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** A table as CSV (RFC 4180), for spreadsheets and plots. */
final class CsvTable {

  private CsvTable() {}

  /**
   * Renders a table.
   *
   * @param rows at least one; all have the columns of the first, in its order
   * @return the names of the columns, and a line for each row
   */
  static String of(List<? extends Map<String, String>> rows) {
    StringBuilder csv = new StringBuilder(line(rows.get(0).keySet()));
    rows.forEach(row -> csv.append(line(row.values())));
    return csv.toString();
  }

  private static String line(Collection<String> cells) {
    return cells.stream().map(CsvTable::quoted).collect(Collectors.joining(",", "", "\n"));
  }

  private static String quoted(String cell) {
    return cell.contains(",") || cell.contains("\"")
        ? '"' + cell.replace("\"", "\"\"") + '"'
        : cell;
  }
}
