package org.minillm.lab;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSortedMap;
import com.google.common.primitives.ImmutableDoubleArray;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.plan.Allocated;
import org.minillm.core.plan.Allocation;
import org.minillm.core.plan.CandidateLosses;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plan.ScoredGroup;
import org.minillm.core.plan.UniformAllocation;
import org.minillm.criteria.GlobalAllocation;
import org.minillm.criteria.Parameters;
import org.minillm.criteria.UnitRounding;

/**
 * Takes less of the channels of those layers whose channels the loss misses most. The sensitivity
 * {@code s} of a layer is the measured loss of the model when this layer alone loses the target's
 * ratio, less the dense model's; at least a twentieth of the mean over the layers, so that noise
 * makes no layer free. A layer loses the part {@code r = min(t * s^-power, max)} of its channels,
 * with {@code t} such that all layers together lose the target's ratio. What comes of it is mixed
 * with equal parts, {@code (1 - mix) * uniform + mix * measured}. Heads are compared over all
 * layers as in {@link GlobalAllocation}.
 *
 * <p>Costs a loss a layer, over the few windows of {@link CandidateLosses}, each computed from its
 * layer on: about half a forward pass over these windows for each layer.
 *
 * @param power how much the sensitivities count; 0 takes equal parts
 * @param max the largest part of a layer that goes, above 0 and below 1
 * @param mix 0 for equal parts to 1 for what was measured
 */
public record SensitivityAllocation(double power, double max, double mix) implements Allocation {

  /** The root: losses that grow with the square of what goes are then shared best. */
  public static final double DEFAULT_POWER = 0.5;

  /** A tenth of a layer stays. */
  public static final double DEFAULT_MAX = 0.9;

  /** All that was measured. */
  public static final double DEFAULT_MIX = 1;

  /** Of the mean sensitivity, where a layer's is less. */
  private static final double FLOOR = 0.05;

  // Checks the ranges.
  public SensitivityAllocation {
    checkArgument(power >= 0 && power <= 4, "power %s: expected a number between 0 and 4", power);
    checkArgument(max > 0 && max < 1, "max %s: expected a number above 0 and below 1", max);
    checkArgument(mix >= 0 && mix <= 1, "mix %s: expected a number between 0 and 1", mix);
  }

  /** The defaults; for {@link java.util.ServiceLoader}. */
  public SensitivityAllocation() {
    this(DEFAULT_POWER, DEFAULT_MAX, DEFAULT_MIX);
  }

  @Override
  public String name() {
    return "sensitivity";
  }

  @Override
  public Map<String, String> parameters() {
    return ImmutableMap.of(
        "power", Double.toString(power),
        "max", Double.toString(max),
        "mix", Double.toString(mix));
  }

  @Override
  public Allocation with(Map<String, String> changes) {
    Parameters parameters = new Parameters(this, changes);
    return new SensitivityAllocation(
        parameters.number("power"), parameters.number("max"), parameters.number("mix"));
  }

  @Override
  public Optional<ImportanceCriterion> criterion(GroupKind kind) {
    return kind == GroupKind.MLP_CHANNELS
        ? Optional.empty() // layers are compared by losses
        : new GlobalAllocation().criterion(kind);
  }

  @Override
  public boolean comparesScores(GroupKind kind) {
    return false;
  }

  @Override
  public boolean measuresLosses() {
    return true;
  }

  @Override
  public Allocated allocate(List<ScoredGroup> groups, PruningTarget target, CandidateLosses losses)
      throws IOException {
    List<ScoredGroup> givers =
        groups.stream()
            .filter(group -> group.id().kind() == GroupKind.MLP_CHANNELS)
            .filter(group -> !target.keepLayers().contains(group.id().layer()))
            .toList();
    Map<String, String> findings = new TreeMap<>();
    double[] sensitivities =
        givers.isEmpty() ? new double[0] : sensitivities(givers, target, losses, findings);
    return new Allocated(
        GlobalAllocation.unitsToKeep(
            groups, target, (channels, any) -> channels(channels, target, givers, sensitivities)),
        ImmutableSortedMap.copyOf(findings));
  }

  private static double[] sensitivities(
      List<ScoredGroup> givers,
      PruningTarget target,
      CandidateLosses losses,
      Map<String, String> findings)
      throws IOException {
    List<Map<GroupId, Integer>> candidates = new ArrayList<>();
    candidates.add(Map.of());
    for (ScoredGroup giver : givers) {
      int kept = (int) Math.round(giver.units() * (1 - target.ratio()));
      candidates.add(Map.of(giver.id(), Math.max(kept, UnitRounding.least(giver, target))));
    }
    ImmutableDoubleArray measured = losses.of(candidates);
    double dense = measured.get(0);
    double[] increases = measured.stream().skip(1).map(loss -> loss - dense).toArray();
    findings.put("loss.dense", String.format(Locale.ROOT, "%.4f", dense));
    findings.put(
        "loss.increases",
        IntStream.range(0, increases.length)
            .mapToObj(
                i ->
                    String.format(Locale.ROOT, "%d=%.4f", givers.get(i).id().layer(), increases[i]))
            .collect(Collectors.joining(" ")));
    double floor =
        FLOOR * Arrays.stream(increases).map(s -> Math.max(s, 0)).average().orElseThrow();
    return floor == 0
        ? Arrays.stream(increases).map(any -> 1).toArray() // nobody misses anything
        : Arrays.stream(increases).map(s -> Math.max(s, floor)).toArray();
  }

  private Map<GroupId, Integer> channels(
      List<ScoredGroup> groups,
      PruningTarget target,
      List<ScoredGroup> givers,
      double[] sensitivities) {
    Map<GroupId, Integer> uniform =
        new UniformAllocation().unitsToKeep(groups, target.of(GroupKind.MLP_CHANNELS, Set.of()));
    double owed =
        target.ratio() * groups.stream().mapToDouble(group -> (double) group.weights()).sum();
    Map<GroupId, Double> parts = parts(giving(givers, target, sensitivities), owed, target);
    Map<GroupId, Double> wanted = new HashMap<>();
    for (ScoredGroup group : groups) {
      double measured = group.units() * (1 - parts.getOrDefault(group.id(), 0.0));
      wanted.put(group.id(), (1 - mix) * requireNonNull(uniform.get(group.id())) + mix * measured);
    }
    return UnitRounding.of(groups, target, wanted);
  }

  /** A layer, what it gives in proportion to the others, and the most that it can give. */
  private record Giver(GroupId id, double weights, double appetite, double most) {
    /** The t at which it can give no more. */
    double full() {
      return most / appetite;
    }
  }

  private List<Giver> giving(
      List<ScoredGroup> groups, PruningTarget target, double[] sensitivities) {
    return IntStream.range(0, groups.size())
        .mapToObj(
            i -> {
              ScoredGroup group = groups.get(i);
              double most = 1 - UnitRounding.least(group, target) / (double) group.units();
              return new Giver(
                  group.id(),
                  group.weights(),
                  Math.pow(sensitivities[i], -power),
                  Math.min(max, most));
            })
        .toList();
  }

  /** Fills the layers like vessels under one level t, until they hold what is owed. */
  private Map<GroupId, Double> parts(List<Giver> givers, double owed, PruningTarget target) {
    Map<GroupId, Double> parts = new HashMap<>();
    double left = owed;
    double open = givers.stream().mapToDouble(giver -> giver.weights * giver.appetite).sum();
    for (Giver giver : givers.stream().sorted(Comparator.comparing(Giver::full)).toList()) {
      double level = left / open;
      double part = Math.min(level * giver.appetite, giver.most);
      parts.put(giver.id, part);
      left -= part * giver.weights;
      open -= giver.appetite * giver.weights;
    }
    checkArgument(
        left <= 1e-9 * owed,
        "pruning ratio %s cannot be reached with at most %s of a layer, at least %s units a group"
            + " and %s layers left whole; ask for less or loosen these bounds",
        target.ratio(),
        max,
        target.minimumUnits(),
        target.keepLayers().size());
    return parts;
  }
}
