package org.minillm.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.primitives.ImmutableDoubleArray;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.plan.Allocated;
import org.minillm.core.plan.Allocation;
import org.minillm.core.plan.CandidateLosses;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plan.ScoredGroup;
import org.minillm.core.plugin.Plugins;

class SensitivityAllocationTest {

  private static final double DENSE = 3;

  private static final PruningTarget TARGET = PruningTarget.of(0.2, GroupKind.MLP_CHANNELS);

  private static GroupId channels(int layer) {
    return new GroupId(layer, GroupKind.MLP_CHANNELS);
  }

  private static GroupId heads(int layer) {
    return new GroupId(layer, GroupKind.ATTENTION_HEADS);
  }

  /** 100 channels a layer, whose scores decide nothing. */
  private static final List<ScoredGroup> GROUPS =
      IntStream.range(0, 3)
          .mapToObj(
              layer ->
                  new ScoredGroup(
                      channels(layer), 10, ImmutableDoubleArray.copyOf(new double[100])))
          .toList();

  /** Losses that grow by so much when a layer loses channels; remembers what was asked. */
  private static final class Written implements CandidateLosses {
    private final double[] increases;
    private final List<Map<GroupId, Integer>> asked = new ArrayList<>();

    Written(double... increases) {
      this.increases = increases;
    }

    @Override
    public ImmutableDoubleArray of(List<? extends Map<GroupId, Integer>> candidates) {
      asked.addAll(candidates);
      return ImmutableDoubleArray.copyOf(
          candidates.stream()
              .mapToDouble(
                  counts ->
                      DENSE
                          + counts.keySet().stream()
                              .mapToDouble(id -> increases[id.layer()])
                              .sum()));
    }
  }

  private static List<Integer> kept(
      SensitivityAllocation allocation, PruningTarget target, Written losses) throws IOException {
    return List.copyOf(allocation.allocate(GROUPS, target, losses).unitsToKeep().values());
  }

  @Test
  void partsAreInverseToTheRootOfTheSensitivity() throws IOException {
    // GIVEN sensitivities whose roots are as 2 to 1 to 4, so that the parts are t * (5, 10, 2.5),
    // t = 0.6 / 17.5: 17.14, 34.29 and 8.57 of 100 channels, 82.86, 65.71 and 91.43 of which stay
    Written losses = new Written(0.04, 0.01, 0.16);

    // WHEN
    Allocated allocated = new SensitivityAllocation().allocate(GROUPS, TARGET, losses);

    // THEN they are rounded so that 240 of 300 stay, and the losses are told
    assertThat(allocated.unitsToKeep().values()).containsExactly(83, 66, 91);
    assertThat(allocated.findings())
        .isEqualTo(Map.of("loss.dense", "3.0000", "loss.increases", "0=0.0400 1=0.0100 2=0.1600"));
  }

  @Test
  void eachLayerAloneLosesTheRatio() throws IOException {
    // GIVEN
    Written losses = new Written(0.04, 0.01, 0.16);

    // WHEN
    kept(new SensitivityAllocation(), TARGET, losses);

    // THEN the dense model and three candidates were measured
    assertThat(losses.asked)
        .isEqualTo(
            List.of(
                Map.of(),
                Map.of(channels(0), 80),
                Map.of(channels(1), 80),
                Map.of(channels(2), 80)));
  }

  @Test
  void aLayerThatIsFullLeavesTheRestToTheOthers() throws IOException {
    // GIVEN at most a quarter of a layer, of which layer 1 would give more: then t = 0.35 / 7.5,
    // and
    // the others give 23.33 and 11.67
    SensitivityAllocation quarter = new SensitivityAllocation(0.5, 0.25, 1);

    // WHEN, THEN
    assertThat(kept(quarter, TARGET, new Written(0.04, 0.01, 0.16))).containsExactly(77, 75, 88);
  }

  @Test
  void aLayerThatNobodyMissesCountsATwentiethOfTheMean() throws IOException {
    // GIVEN sensitivities with a mean of 0.02 where the negative one counts as 0: it is raised to
    // 0.001; parts of t * (1000, 50, 25), t = 0.6 / 1075, leave 44.19, 97.21 and 98.60
    SensitivityAllocation inverse = new SensitivityAllocation(1, 0.9, 1);

    // WHEN, THEN
    assertThat(kept(inverse, TARGET, new Written(-0.01, 0.02, 0.04))).containsExactly(44, 97, 99);
  }

  @Test
  void whereNobodyMissesAnythingPartsAreEqual() throws IOException {
    assertThat(kept(new SensitivityAllocation(), TARGET, new Written(0, -0.01, 0)))
        .containsExactly(80, 80, 80);
  }

  @Test
  void aMixtureGoesHalfWayToEqualParts() throws IOException {
    // GIVEN half way between 80, 80, 80 and 82.86, 65.71, 91.43: 81.43, 72.86, 85.71
    SensitivityAllocation half = new SensitivityAllocation(0.5, 0.9, 0.5);

    // WHEN, THEN
    assertThat(kept(half, TARGET, new Written(0.04, 0.01, 0.16))).containsExactly(81, 73, 86);
  }

  @Test
  void layersLeftWholeAreNotMeasuredAndGiveNothing() throws IOException {
    // GIVEN a target that leaves layer 2 whole
    PruningTarget target =
        new PruningTarget(0.2, ImmutableSet.of(GroupKind.MLP_CHANNELS), 1, 1, ImmutableSet.of(2));
    Written losses = new Written(0.04, 0.01, 0.16);

    // WHEN parts of t * (5, 10), t = 0.04, are taken
    List<Integer> kept = kept(new SensitivityAllocation(), target, losses);

    // THEN
    assertThat(kept).containsExactly(80, 60, 100);
    assertThat(losses.asked).hasSize(3).doesNotContain(Map.of(channels(2), 80));
  }

  @Test
  void headsAreComparedByTheirScores() throws IOException {
    // GIVEN 3 heads a layer, those of layer 1 all cheaper than those of layer 0
    List<ScoredGroup> groups =
        List.of(
            new ScoredGroup(heads(0), 10, ImmutableDoubleArray.of(7, 8, 9)),
            new ScoredGroup(heads(1), 10, ImmutableDoubleArray.of(1, 2, 3)));
    Written losses = new Written();

    // WHEN a third of the heads goes
    Allocated allocated =
        new SensitivityAllocation()
            .allocate(groups, PruningTarget.of(1 / 3.0, GroupKind.ATTENTION_HEADS), losses);

    // THEN two of layer 1 do, and nothing was measured
    assertThat(allocated.unitsToKeep()).isEqualTo(ImmutableMap.of(heads(0), 3, heads(1), 1));
    assertThat(losses.asked).isEmpty();
  }

  @Test
  void aRatioThatTheLargestPartsDoNotReachIsRefused() {
    assertThatThrownBy(
            () ->
                new SensitivityAllocation(0.5, 0.1, 1)
                    .allocate(GROUPS, TARGET, new Written(0.04, 0.01, 0.16)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("pruning ratio 0.2 cannot be reached with at most 0.1 of a layer");
  }

  @Test
  void isFoundByNameWithItsSettings() {
    assertThat(Plugins.configured(Allocation.class, "sensitivity"))
        .isEqualTo(new SensitivityAllocation(0.5, 0.9, 1));
    assertThat(Plugins.configured(Allocation.class, "sensitivity:power=1,mix=0.5"))
        .isEqualTo(new SensitivityAllocation(1, 0.9, 0.5));
    assertThatThrownBy(() -> new SensitivityAllocation(0.5, 1, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("max 1.0: expected a number above 0 and below 1");
  }
}
