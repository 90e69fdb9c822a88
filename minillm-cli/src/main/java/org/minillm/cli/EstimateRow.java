package org.minillm.cli;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * An estimate of the gradient held against the true one.
 *
 * @param estimator in one word, as it was asked for
 * @param of {@code weights} or {@code gates}
 * @param groups whose weights or gates
 * @param dimensions how many weights or gates
 * @param forwardPasses what the estimate took, over the calibration set
 * @param seconds the same in time
 * @param cosine with the true gradient; NaN where the estimate has no direction
 * @param ranks of units: by the sum of |weight * gradient| over its weights, or by the gradient of
 *     its gate
 */
record EstimateRow(
    String estimator,
    String of,
    PrunedGroups groups,
    long dimensions,
    long forwardPasses,
    double seconds,
    double cosine,
    RankAgreement ranks) {

  /** Column to cell of a CSV file; a cell is empty where there is no number. */
  Map<String, String> columns() {
    Map<String, String> cells = new LinkedHashMap<>();
    cells.put("estimator", estimator);
    cells.put("of", of);
    cells.put("groups", groups.toString());
    cells.put("dimensions", Long.toString(dimensions));
    cells.put("forward_passes", Long.toString(forwardPasses));
    cells.put("seconds", cell(seconds));
    cells.put("cosine", cell(cosine));
    cells.put("rank_within_layers", cell(ranks.withinLayers()));
    cells.put("rank_over_model", cell(ranks.overModel()));
    cells.put("rank_of_layers", cell(ranks.ofLayers()));
    return cells;
  }

  private static String cell(double number) {
    return Double.isNaN(number) ? "" : Double.toString(number);
  }
}
