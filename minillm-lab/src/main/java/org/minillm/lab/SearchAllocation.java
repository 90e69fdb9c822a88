package org.minillm.lab;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.plan.Allocated;
import org.minillm.core.plan.Allocation;
import org.minillm.core.plan.CandidateLosses;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plan.ScoredGroup;
import org.minillm.core.plan.UniformAllocation;
import org.minillm.core.plugin.PluginSpec;
import org.minillm.criteria.GlobalAllocation;
import org.minillm.criteria.Parameters;
import org.minillm.criteria.TrapezoidAllocation;

/**
 * Tries other allocations and takes that with the lowest measured loss, of equal ones the first:
 * {@code search:among=uniform*trapezoid}. The losses are of windows of the calibration set and of
 * masked models; what a restoration would make up for is not in them. All losses are in the plan.
 *
 * <p>Costs a forward pass over the few windows of {@link CandidateLosses} for each candidate and
 * for the dense model, and what the candidates measure themselves.
 *
 * @param among at least two allocations, of which those that compare groups by scores of their own
 *     take the same scores; as text joined by {@code *}, each with its settings after a colon,
 *     joined by {@code ;}: {@code trapezoid:first=0.2;last=0.1*global:mix=1}
 */
public record SearchAllocation(ImmutableList<Allocation> among) implements Allocation {

  // Checks that there is something to choose, and that the choice has a name.
  public SearchAllocation {
    requireNonNull(among, "among");
    checkArgument(
        among.size() > 1,
        "among \"%s\": expected at least two allocations, joined by *",
        PluginSpec.join(among));
    for (Allocation candidate : among) {
      checkArgument(
          among.stream().filter(candidate::equals).count() == 1,
          "among: %s is given twice",
          PluginSpec.of(candidate));
    }
    for (GroupKind kind : GroupKind.values()) {
      List<ImportanceCriterion> criteria = comparing(among, kind);
      checkArgument(
          criteria.size() < 2,
          "among: %s are compared by %s; expected allocations that compare by the same scores",
          kind.id(),
          PluginSpec.join(criteria));
      checkArgument(
          criteria.isEmpty() || among.stream().noneMatch(other -> other.comparesScores(kind)),
          "among: %s are compared by %s and by the scores that choose them; expected allocations"
              + " that compare by the same scores",
          kind.id(),
          PluginSpec.join(criteria));
    }
  }

  /** All that come along; for {@link java.util.ServiceLoader}. */
  public SearchAllocation() {
    this(
        ImmutableList.of(
            new UniformAllocation(),
            // compares heads as global does, so that the candidates share their scores
            new TrapezoidAllocation().with(ImmutableMap.of("by", "stream")),
            new GlobalAllocation(),
            new SensitivityAllocation()));
  }

  private static List<ImportanceCriterion> comparing(List<Allocation> among, GroupKind kind) {
    return among.stream()
        .flatMap(candidate -> candidate.criterion(kind).stream())
        .distinct()
        .toList();
  }

  @Override
  public String name() {
    return "search";
  }

  @Override
  public Map<String, String> parameters() {
    return ImmutableMap.of("among", PluginSpec.join(among));
  }

  @Override
  public Allocation with(Map<String, String> changes) {
    Parameters parameters = new Parameters(this, changes);
    return new SearchAllocation(parameters.plugins("among", Allocation.class));
  }

  @Override
  public Optional<ImportanceCriterion> criterion(GroupKind kind) {
    return comparing(among, kind).stream().findFirst();
  }

  @Override
  public boolean measuresLosses() {
    return true;
  }

  @Override
  public Allocated allocate(List<ScoredGroup> groups, PruningTarget target, CandidateLosses losses)
      throws IOException {
    Map<String, Allocated> candidates = new LinkedHashMap<>();
    for (Allocation candidate : among) {
      candidates.put(nameOf(candidate), candidate.allocate(groups, target, losses));
    }
    return LowestLoss.of(candidates, losses);
  }

  /** The name alone where it says which, else with the settings. */
  private String nameOf(Allocation candidate) {
    long namesakes = among.stream().filter(other -> other.name().equals(candidate.name())).count();
    return namesakes == 1 ? candidate.name() : PluginSpec.of(candidate).toString();
  }
}
