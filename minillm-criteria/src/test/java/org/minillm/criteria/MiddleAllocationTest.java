package org.minillm.criteria;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableDoubleArray;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.minillm.core.model.GroupId;
import org.minillm.core.model.GroupKind;
import org.minillm.core.pruning.PruningTarget;
import org.minillm.core.pruning.ScoredGroup;

class MiddleAllocationTest {

  private static List<ScoredGroup> layers(int layers, GroupKind kind, double... scores) {
    return IntStream.range(0, layers)
        .mapToObj(
            layer ->
                new ScoredGroup(new GroupId(layer, kind), 10, ImmutableDoubleArray.copyOf(scores)))
        .toList();
  }

  private static List<Integer> counts(
      MiddleAllocation allocation, List<ScoredGroup> groups, PruningTarget target) {
    return List.copyOf(allocation.unitsToKeep(groups, target).values());
  }

  @Test
  void theEndsStayWholeAndTheOthersGiveTheMore() {
    // GIVEN 4 layers of 6 channels, one at each end to be left whole
    List<ScoredGroup> groups = layers(4, GroupKind.MLP_CHANNELS, 1, 2, 3, 4, 5, 6);

    // WHEN a quarter, 6 channels, goes
    // THEN 3 of each layer between
    assertThat(
            counts(
                new MiddleAllocation(0.25, 0.25),
                groups,
                PruningTarget.of(0.25, GroupKind.MLP_CHANNELS)))
        .containsExactly(6, 3, 3, 6);
  }

  @Test
  void thirtyLayersLeaveFourAndTwoWhole() {
    // GIVEN the layers of SmolLM2
    List<ScoredGroup> groups = layers(30, GroupKind.MLP_CHANNELS, new double[1536]);

    // WHEN a fifth goes
    List<Integer> counts =
        counts(new MiddleAllocation(), groups, PruningTarget.of(0.2, GroupKind.MLP_CHANNELS));

    // THEN 24 layers keep 1152
    assertThat(counts.subList(0, 4)).containsOnly(1536);
    assertThat(counts.subList(4, 28)).containsOnly(1152);
    assertThat(counts.subList(28, 30)).containsOnly(1536);
  }

  @Test
  void fewLayersHaveNoEnds() {
    assertThat(
            counts(
                new MiddleAllocation(),
                layers(4, GroupKind.MLP_CHANNELS, 1, 2),
                PruningTarget.of(0.5, GroupKind.MLP_CHANNELS)))
        .containsExactly(1, 1, 1, 1);
  }

  @Test
  void theEndsGiveTooWhereTheOthersWouldLoseNearlyEverything() {
    // GIVEN 4 layers of 10 channels, half of the layers to be left whole
    List<ScoredGroup> groups = layers(4, GroupKind.MLP_CHANNELS, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);

    // WHEN half goes, which is all that the layers between have
    // THEN all layers give the same
    assertThat(
            counts(
                new MiddleAllocation(0.25, 0.25),
                groups,
                PruningTarget.of(0.5, GroupKind.MLP_CHANNELS)))
        .containsExactly(5, 5, 5, 5);
  }

  @Test
  void headsAreComparedOverAllLayers() {
    // GIVEN heads of which those of layer 0 are the cheapest
    List<ScoredGroup> groups =
        List.of(
            new ScoredGroup(
                new GroupId(0, GroupKind.ATTENTION_HEADS), 10, ImmutableDoubleArray.of(1, 2)),
            new ScoredGroup(
                new GroupId(1, GroupKind.ATTENTION_HEADS), 10, ImmutableDoubleArray.of(8, 9)));

    // WHEN a quarter goes
    // THEN it is one of layer 0
    assertThat(
            new MiddleAllocation(0.5, 0)
                .unitsToKeep(groups, PruningTarget.of(0.25, GroupKind.ATTENTION_HEADS)))
        .isEqualTo(
            ImmutableMap.of(
                new GroupId(0, GroupKind.ATTENTION_HEADS), 1,
                new GroupId(1, GroupKind.ATTENTION_HEADS), 2));
  }

  @Test
  void endsThatLeaveNothingBetweenAreRefused() {
    assertThatThrownBy(() -> new MiddleAllocation(0.6, 0.4))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("first 0.6 and last 0.4: expected parts of the layers that leave some between");
  }
}
