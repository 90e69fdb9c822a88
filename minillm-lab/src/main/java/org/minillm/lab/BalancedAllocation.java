package org.minillm.lab;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.ImmutableSortedMap;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.plan.Allocated;
import org.minillm.core.plan.Allocation;
import org.minillm.core.plan.CandidateLosses;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plan.ScoredGroup;
import org.minillm.core.plugin.PluginSpec;
import org.minillm.criteria.Parameters;
import org.minillm.criteria.TrapezoidAllocation;

/**
 * Weighs heads against channels by what they hurt: {@code balanced:of=trapezoid}. Tries heads that
 * lose once, half, none, one and a half times and twice the target's ratio of their own weights;
 * the channels give the rest, so that as many weights go in all. Each kind is divided among its
 * layers by another allocation. Takes the lowest measured loss, of equal ones the first in that
 * order. Where one kind is pruned, that is all there is to do for the other allocation.
 *
 * <p>Costs a forward pass over the few windows of {@link CandidateLosses} for each of the five and
 * for the dense model, and what the other allocation measures, five times.
 *
 * @param of divides what a kind loses among the layers; as text its name, with its settings after a
 *     colon, joined by {@code ;}
 */
public record BalancedAllocation(Allocation of) implements Allocation {

  /** Of the target's ratio, what the heads lose. */
  private static final ImmutableList<Double> SHARES_OF_HEADS =
      ImmutableList.of(1.0, 0.5, 0.0, 1.5, 2.0);

  // Refuses nulls.
  public BalancedAllocation {
    requireNonNull(of, "of");
  }

  /** Of {@code trapezoid}; for {@link java.util.ServiceLoader}. */
  public BalancedAllocation() {
    this(new TrapezoidAllocation());
  }

  @Override
  public String name() {
    return "balanced";
  }

  @Override
  public Map<String, String> parameters() {
    return ImmutableMap.of("of", PluginSpec.join(ImmutableList.of(of)));
  }

  @Override
  public Allocation with(Map<String, String> changes) {
    Parameters parameters = new Parameters(this, changes);
    return new BalancedAllocation(parameters.plugin("of", Allocation.class));
  }

  @Override
  public Optional<ImportanceCriterion> criterion(GroupKind kind) {
    return of.criterion(kind);
  }

  @Override
  public boolean comparesScores(GroupKind kind) {
    return of.comparesScores(kind);
  }

  @Override
  public boolean measuresLosses() {
    return true;
  }

  @Override
  public Allocated allocate(List<ScoredGroup> groups, PruningTarget target, CandidateLosses losses)
      throws IOException {
    if (target.kinds().size() == 1) {
      return of.allocate(groups, target, losses);
    }
    Map<String, Allocated> candidates = new LinkedHashMap<>();
    List<IllegalArgumentException> beyondBounds = new ArrayList<>();
    for (double share : SHARES_OF_HEADS) {
      double ratio = share * target.ratio();
      try {
        candidates.put(
            String.format(Locale.ROOT, "heads=%.4f", ratio),
            withHeadsAt(ratio, groups, target, losses));
      } catch (IllegalArgumentException e) {
        beyondBounds.add(e); // a kind cannot lose so much: there are candidates left
      }
    }
    if (candidates.isEmpty()) {
      throw beyondBounds.get(0);
    }
    return LowestLoss.of(candidates, losses);
  }

  /** Heads are few and coarse: channels make up for their rounding, too. */
  private Allocated withHeadsAt(
      double ratio, List<ScoredGroup> groups, PruningTarget target, CandidateLosses losses)
      throws IOException {
    List<ScoredGroup> heads = ofKind(GroupKind.ATTENTION_HEADS, groups);
    List<ScoredGroup> channels = ofKind(GroupKind.MLP_CHANNELS, groups);
    Map<GroupId, Integer> kept = new TreeMap<>();
    Map<String, String> findings = new TreeMap<>();
    heads.forEach(group -> kept.put(group.id(), group.units()));
    if (ratio > 0) {
      PruningTarget ofHeads = target(ratio, GroupKind.ATTENTION_HEADS, target);
      put(of.allocate(heads, ofHeads, losses), "heads.", kept, findings);
    }
    double owed = target.ratio() * (weights(heads) + weights(channels));
    for (ScoredGroup group : heads) {
      owed -=
          (double) (group.units() - requireNonNull(kept.get(group.id()))) * group.weightsPerUnit();
    }
    PruningTarget ofChannels = target(owed / weights(channels), GroupKind.MLP_CHANNELS, target);
    put(of.allocate(channels, ofChannels, losses), "channels.", kept, findings);
    return new Allocated(ImmutableSortedMap.copyOf(kept), ImmutableSortedMap.copyOf(findings));
  }

  private static void put(
      Allocated part, String prefix, Map<GroupId, Integer> kept, Map<String, String> findings) {
    kept.putAll(part.unitsToKeep());
    part.findings().forEach((name, value) -> findings.put(prefix + name, value));
  }

  private static List<ScoredGroup> ofKind(GroupKind kind, List<ScoredGroup> groups) {
    return groups.stream().filter(group -> group.id().kind() == kind).toList();
  }

  private static double weights(List<ScoredGroup> groups) {
    return groups.stream().mapToLong(ScoredGroup::weights).sum();
  }

  private static PruningTarget target(double ratio, GroupKind kind, PruningTarget whole) {
    return new PruningTarget(
        ratio, ImmutableSet.of(kind), whole.multipleOf(), whole.minimumUnits(), whole.keepLayers());
  }
}
