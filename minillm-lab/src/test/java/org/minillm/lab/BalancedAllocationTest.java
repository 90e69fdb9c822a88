package org.minillm.lab;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.primitives.ImmutableDoubleArray;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.plan.Allocated;
import org.minillm.core.plan.Allocation;
import org.minillm.core.plan.CandidateLosses;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plan.ScoredGroup;
import org.minillm.core.plan.UniformAllocation;
import org.minillm.core.plugin.Plugins;
import org.minillm.criteria.TrapezoidAllocation;

class BalancedAllocationTest {

  private static final BalancedAllocation UNIFORM = new BalancedAllocation(new UniformAllocation());

  private static final PruningTarget TARGET =
      PruningTarget.of(0.2, GroupKind.MLP_CHANNELS, GroupKind.ATTENTION_HEADS);

  private static GroupId channels(int layer) {
    return new GroupId(layer, GroupKind.MLP_CHANNELS);
  }

  private static GroupId heads(int layer) {
    return new GroupId(layer, GroupKind.ATTENTION_HEADS);
  }

  /** Two layers of 100 channels of 30 weights and 10 heads of 100: 8000 weights, 1600 to go. */
  private static final List<ScoredGroup> GROUPS =
      Stream.of(0, 1)
          .flatMap(
              layer ->
                  Stream.of(
                      new ScoredGroup(
                          channels(layer), 30, ImmutableDoubleArray.copyOf(new double[100])),
                      new ScoredGroup(
                          heads(layer), 100, ImmutableDoubleArray.copyOf(new double[10]))))
          .toList();

  /** What a channel and a head of layer 0 cost when they go. */
  private static CandidateLosses costs(double channel, double head) {
    return candidates ->
        ImmutableDoubleArray.copyOf(
            candidates.stream()
                .mapToDouble(
                    counts ->
                        channel * (100 - counts.getOrDefault(channels(0), 100))
                            + head * (10 - counts.getOrDefault(heads(0), 10))));
  }

  @Test
  void channelsGiveWhatHeadsDoNot() throws IOException {
    // GIVEN heads of 0.2, 0.1, 0, 0.3 and 0.4: 2, 1, 0, 3 and 4 of a layer; the channels then owe
    // 1200, 1400, 1600, 1000 and 800 weights: 20, 23.33, 26.67, 16.67 and 13.33 of a layer
    // WHEN each channel costs 0.01 and a head nothing
    Allocated allocated = UNIFORM.allocate(GROUPS, TARGET, costs(0.01, 0));

    // THEN the fewest channels go
    assertThat(allocated.findings())
        .isEqualTo(
            Map.of(
                "chosen", "heads=0.4000",
                "loss.dense", "0.0000",
                "loss.heads=0.2000", "0.2000",
                "loss.heads=0.1000", "0.2300",
                "loss.heads=0.0000", "0.2700",
                "loss.heads=0.3000", "0.1700",
                "loss.heads=0.4000", "0.1300"));
    assertThat(allocated.unitsToKeep())
        .isEqualTo(ImmutableMap.of(channels(0), 87, heads(0), 6, channels(1), 87, heads(1), 6));
  }

  @Test
  void headsThatAreMissedStay() throws IOException {
    // GIVEN a head that costs as much as 30 channels
    // WHEN, THEN
    assertThat(UNIFORM.allocate(GROUPS, TARGET, costs(0.01, 0.3)).unitsToKeep())
        .isEqualTo(ImmutableMap.of(channels(0), 73, heads(0), 10, channels(1), 73, heads(1), 10));
  }

  @Test
  void equalLossesChangeNothing() throws IOException {
    assertThat(UNIFORM.allocate(GROUPS, TARGET, costs(0, 0)).findings())
        .containsEntry("chosen", "heads=0.2000");
  }

  @Test
  void whatAKindCannotLoseIsNotTried() throws IOException {
    // GIVEN at least 8 heads a layer
    PruningTarget target = new PruningTarget(0.2, TARGET.kinds(), 1, 8, ImmutableSet.of());

    // WHEN, THEN
    assertThat(UNIFORM.allocate(GROUPS, target, costs(0.01, 0)).findings())
        .containsOnlyKeys(
            "chosen", "loss.dense", "loss.heads=0.0000", "loss.heads=0.1000", "loss.heads=0.2000");
  }

  @Test
  void oneKindIsLeftToTheOther() throws IOException {
    // GIVEN channels only
    List<ScoredGroup> groups =
        GROUPS.stream().filter(group -> group.id().kind() == GroupKind.MLP_CHANNELS).toList();
    CandidateLosses none =
        candidates -> {
          throw new AssertionError("nothing to measure");
        };

    // WHEN
    Allocated allocated =
        UNIFORM.allocate(groups, PruningTarget.of(0.2, GroupKind.MLP_CHANNELS), none);

    // THEN
    assertThat(allocated.unitsToKeep()).isEqualTo(Map.of(channels(0), 80, channels(1), 80));
  }

  @Test
  void isFoundByNameWithItsSettings() {
    assertThat(Plugins.configured(Allocation.class, "balanced"))
        .isEqualTo(new BalancedAllocation(new TrapezoidAllocation()));
    Allocation configured =
        Plugins.configured(Allocation.class, "balanced:of=(trapezoid:first=0.2,last=0.1)");
    assertThat(configured)
        .isEqualTo(
            new BalancedAllocation(
                new TrapezoidAllocation().with(Map.of("first", "0.2", "last", "0.1"))));
    assertThat(new BalancedAllocation().with(configured.parameters())).isEqualTo(configured);
  }
}
