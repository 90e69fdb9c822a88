package org.minillm.lab;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSortedMap;
import com.google.common.primitives.ImmutableDoubleArray;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.plan.Allocated;
import org.minillm.core.plan.CandidateLosses;

/** Chooses among allocations that were tried. */
final class LowestLoss {

  private LowestLoss() {}

  /**
   * Measures all and takes the lowest, of equal ones the first.
   *
   * @param candidates by names for the plan, in the order of preference
   * @return the counts of the chosen one; all losses, the choice, and what the candidates found,
   *     under their names
   */
  static Allocated of(Map<String, Allocated> candidates, CandidateLosses losses)
      throws IOException {
    List<Map<GroupId, Integer>> counts = new ArrayList<>();
    candidates.values().forEach(candidate -> counts.add(candidate.unitsToKeep()));
    counts.add(Map.of());
    ImmutableDoubleArray measured = losses.of(counts);

    Map<String, String> findings = new TreeMap<>();
    findings.put("loss.dense", text(measured.get(candidates.size())));
    ImmutableList<String> names = ImmutableList.copyOf(candidates.keySet());
    int best = 0;
    for (int i = 0; i < names.size(); i++) {
      String name = names.get(i);
      findings.put("loss." + name, text(measured.get(i)));
      requireNonNull(candidates.get(name))
          .findings()
          .forEach((finding, value) -> findings.put(name + "." + finding, value));
      if (measured.get(i) < measured.get(best)) {
        best = i;
      }
    }
    findings.put("chosen", names.get(best));
    return new Allocated(
        requireNonNull(candidates.get(names.get(best))).unitsToKeep(),
        ImmutableSortedMap.copyOf(findings));
  }

  private static String text(double loss) {
    return String.format(Locale.ROOT, "%.4f", loss);
  }
}
