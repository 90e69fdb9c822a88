package org.minillm.cli;

import com.google.common.collect.ImmutableList;
import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.TargetFile;
import org.minillm.core.files.TextFile;

/**
 * The rows of all runs in a folder: {@value #ROWS}, one JSON object a line, to which each row is
 * added when it is measured. {@value #TABLE} has the same figures of the last settings.
 */
final class QualityResults {

  static final String ROWS = "quality.jsonl";
  static final String TABLE = "quality.csv";

  private static final Gson GSON =
      new GsonBuilder()
          .setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES)
          .disableHtmlEscaping()
          .create();

  private final TargetFile lines;
  private final TargetFile table;
  private final List<QualityRow> rows;

  private QualityResults(TargetFile lines, TargetFile table, List<QualityRow> rows) {
    this.lines = lines;
    this.table = table;
    this.rows = rows;
  }

  /**
   * Reads what a folder has. A last line that is not whole is taken away: it was being written when
   * a run was killed.
   */
  static QualityResults open(ResultFolder folder) throws IOException {
    TargetFile all = folder.report(ROWS);
    TargetFile table = folder.report(TABLE);
    Path file = folder.path().resolve(ROWS);
    if (!Files.exists(file)) {
      return new QualityResults(all, table, new ArrayList<>());
    }
    String text = TextFile.read(file);
    String whole = text.substring(0, text.lastIndexOf('\n') + 1);
    if (whole.length() < text.length()) {
      all.write(whole);
    }
    return new QualityResults(
        all,
        table,
        new ArrayList<>(JsonNode.readLines(file, Integer.MAX_VALUE, QualityResults::parse)));
  }

  private static QualityRow parse(JsonNode line) {
    try {
      QualityRow row = GSON.fromJson(line.element(), QualityRow.class);
      if (row.isWhole()) {
        return row;
      }
    } catch (JsonParseException | NumberFormatException e) {
      // falls through to the one message
    }
    throw line.refuse("not a row of this benchmark; give another folder");
  }

  Optional<QualityRow> find(QualityRow.Key key) {
    return rows.stream().filter(row -> row.key().equals(key)).findFirst();
  }

  /** Adds a row at once, so that nothing measured is lost. */
  synchronized void add(QualityRow row) throws IOException {
    lines.append(GSON.toJson(row) + "\n");
    rows.add(row);
    writeTable(row.settings());
  }

  /** Returns the rows of some settings, in the order in which they were measured. */
  synchronized ImmutableList<QualityRow> of(String settings) {
    return rows.stream()
        .filter(row -> row.settings().equals(settings))
        .collect(ImmutableList.toImmutableList());
  }

  /** Writes the rows of some settings, which have the same columns. */
  void writeTable(String settings) throws IOException {
    table.write(CsvTable.of(of(settings).stream().map(QualityRow::columns).toList()));
  }
}
