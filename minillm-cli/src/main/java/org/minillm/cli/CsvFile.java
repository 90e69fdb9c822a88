package org.minillm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** A table as CSV (RFC 4180), for spreadsheets and plots. */
final class CsvFile {

  private CsvFile() {}

  /**
   * Writes a table, in place of what is there.
   *
   * @param file where to
   * @param rows at least one; all have the columns of the first, in its order
   */
  static void write(Path file, List<? extends Map<String, String>> rows) throws IOException {
    StringBuilder csv = new StringBuilder(line(rows.get(0).keySet()));
    rows.forEach(row -> csv.append(line(row.values())));
    replace(file, csv.toString());
  }

  private static String line(Collection<String> cells) {
    return cells.stream().map(CsvFile::quoted).collect(Collectors.joining(",", "", "\n"));
  }

  private static String quoted(String cell) {
    return cell.contains(",") || cell.contains("\"")
        ? '"' + cell.replace("\"", "\"\"") + '"'
        : cell;
  }

  /** Writes a text beside a file and puts it there when it is whole. */
  static void replace(Path file, String text) throws IOException {
    Path part = file.resolveSibling(file.getFileName() + ".part");
    Files.writeString(part, text);
    Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
  }
}
