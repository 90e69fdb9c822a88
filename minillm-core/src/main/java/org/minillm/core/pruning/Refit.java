package org.minillm.core.pruning;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableSortedMap;
import java.util.Map;
import java.util.TreeMap;
import org.minillm.core.calibration.CalibrationSet;
import org.minillm.core.journal.Journal;

/**
 * A restoration and the text that it is fitted to.
 *
 * @param restoration how the consumers are changed
 * @param data what the model reads meanwhile
 * @param journal where it goes on if it was interrupted
 */
public record Refit(Restoration restoration, CalibrationSet data, Journal journal) {

  // Refuses nulls.
  public Refit {
    requireNonNull(restoration, "restoration");
    requireNonNull(data, "data");
    requireNonNull(journal, "journal");
  }

  /**
   * A restoration that begins anew whenever it is started.
   *
   * @param restoration how the consumers are changed
   * @param data what the model reads meanwhile
   */
  public Refit(Restoration restoration, CalibrationSet data) {
    this(restoration, data, Journal.NONE);
  }

  /** What was done, for the manifest. */
  ImmutableSortedMap<String, String> provenance() {
    Map<String, String> facts = new TreeMap<>(restoration.provenance("restoration"));
    data.provenance().forEach((name, value) -> facts.put("restoration_" + name, value));
    return ImmutableSortedMap.copyOf(facts);
  }
}
