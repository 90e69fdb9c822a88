package org.minillm.criteria;

import com.google.common.collect.Sets;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.minillm.core.pruning.ImportanceCriterion;

/** The parameters of a criterion, from its own and those that a user wants changed. */
final class Parameters {

  private Parameters() {}

  /**
   * Lays changes over the parameters of a criterion.
   *
   * @throws IllegalArgumentException if a change has no counterpart; the message lists the names
   */
  static Map<String, String> merge(ImportanceCriterion criterion, Map<String, String> changes) {
    Map<String, String> merged = new HashMap<>(criterion.parameters());
    Set<String> unknown = Sets.difference(changes.keySet(), merged.keySet());
    if (!unknown.isEmpty()) {
      throw new IllegalArgumentException(
          String.format(
              "criterion %s has no parameter %s; it takes %s",
              criterion.name(), String.join(", ", unknown), String.join(", ", merged.keySet())));
    }
    merged.putAll(changes);
    return merged;
  }
}
