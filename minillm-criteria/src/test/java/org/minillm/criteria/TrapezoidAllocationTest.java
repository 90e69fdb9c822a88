package org.minillm.criteria;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.primitives.ImmutableDoubleArray;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.evidence.TokenWeights;
import org.minillm.core.plan.CandidateLosses;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plan.ScoredGroup;

class TrapezoidAllocationTest {

  private static final TrapezoidAllocation TAPERED =
      new TrapezoidAllocation(0.1, 0.1, 0.1, 0.2, Comparison.STREAM);

  private static int sum(List<? extends Integer> counts) {
    return counts.stream().mapToInt(Integer::intValue).sum();
  }

  private static List<ScoredGroup> layers(int layers, GroupKind kind, double... scores) {
    return IntStream.range(0, layers)
        .mapToObj(
            layer ->
                new ScoredGroup(new GroupId(layer, kind), 10, ImmutableDoubleArray.copyOf(scores)))
        .toList();
  }

  private static List<Integer> counts(
      TrapezoidAllocation allocation, List<ScoredGroup> groups, PruningTarget target) {
    return List.copyOf(
        allocation.allocate(groups, target, CandidateLosses.NONE).unitsToKeep().values());
  }

  @Test
  void theEndsStayWholeAndTheOthersGiveTheMore() {
    // GIVEN 4 layers of 6 channels, one at each end to be left whole
    List<ScoredGroup> groups = layers(4, GroupKind.MLP_CHANNELS, 1, 2, 3, 4, 5, 6);

    // WHEN a quarter, 6 channels, goes
    // THEN 3 of each layer between
    assertThat(
            counts(
                new TrapezoidAllocation(0.25, 0.25),
                groups,
                PruningTarget.of(0.25, GroupKind.MLP_CHANNELS)))
        .containsExactly(6, 3, 3, 6);
  }

  @Test
  void ofThirtyLayersTheFirstAndLastStayWholeAndTheirNeighboursGiveLess() {
    // GIVEN the layers of SmolLM2
    List<ScoredGroup> groups = layers(30, GroupKind.MLP_CHANNELS, new double[1536]);

    // WHEN a fifth goes, with nothing chosen
    List<Integer> counts =
        counts(new TrapezoidAllocation(), groups, PruningTarget.of(0.2, GroupKind.MLP_CHANNELS));

    // THEN 3 and 2 layers stay whole, one gives a half, and 6 give 6/7 to 1/7 of what 18 give:
    // 9216 channels make 9216 / (18 + 1/2 + 3) = 428.65 for each of the 18
    assertThat(counts.subList(0, 3)).containsOnly(1536);
    assertThat(counts.get(3)).isEqualTo(1536 - 214);
    assertThat(counts.subList(4, 22)).allMatch(count -> count == 1107 || count == 1108);
    for (int k = 1; k <= 6; k++) {
      // each makes up for the rounding of those before
      assertThat(counts.get(28 - k)).isCloseTo((int) (1536 - 428.65 * k / 7), within(1));
    }
    assertThat(counts.subList(28, 30)).containsOnly(1536);
    assertThat(sum(counts)).isEqualTo(30 * 1536 - 9216);
  }

  @Test
  void fewLayersHaveNoEnds() {
    assertThat(
            counts(
                new TrapezoidAllocation(),
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
                new TrapezoidAllocation(0.25, 0.25),
                groups,
                PruningTarget.of(0.5, GroupKind.MLP_CHANNELS)))
        .containsExactly(5, 5, 5, 5);
  }

  @Test
  void partsRiseAndFallBetweenTheEnds() {
    // GIVEN 10 layers of 100 channels
    List<ScoredGroup> groups = layers(10, GroupKind.MLP_CHANNELS, new double[100]);

    // WHEN a fifth, 200 channels, goes with one layer whole at each end, one rising, two falling
    // THEN the parts are 0, 1/2, five of 1, 2/3, 1/3, 0, together 6.5, and the full one is 30.77
    assertThat(counts(TAPERED, groups, PruningTarget.of(0.2, GroupKind.MLP_CHANNELS)))
        // 15.38, 30.77 each, 20.51 and 10.26 go; summed and rounded they are 15, 46, 77, 108, 138,
        // 169, 190 and 200
        .containsExactly(100, 85, 69, 69, 69, 70, 69, 79, 90, 100)
        .satisfies(counts -> assertThat(sum(counts)).isEqualTo(800));
  }

  @Test
  void thirtyLayersFallOverSix() {
    // GIVEN 30 layers of 1400 channels
    List<ScoredGroup> groups = layers(30, GroupKind.MLP_CHANNELS, new double[1400]);

    // WHEN 700 of each full layer go: a half, 18 and 6/7 to 1/7 (which is 3) are 21.5 of 30 layers
    List<Integer> counts =
        counts(
            new TrapezoidAllocation(0.1, 0.067, 0.034, 0.2, Comparison.STREAM),
            groups,
            PruningTarget.of(0.5 * 21.5 / 30, GroupKind.MLP_CHANNELS));

    // THEN
    assertThat(counts.subList(0, 4)).containsExactly(1400, 1400, 1400, 1050);
    assertThat(counts.subList(4, 22)).containsOnly(700);
    assertThat(counts.subList(22, 30))
        .containsExactly(800, 900, 1000, 1100, 1200, 1300, 1400, 1400);
  }

  @Test
  void slopesKeepTheBoundsOfTheTarget() {
    // GIVEN 13 steps of 8 channels a layer, of which 5 can go, and layer 4 to be left whole
    List<ScoredGroup> groups = layers(10, GroupKind.MLP_CHANNELS, new double[104]);

    // WHEN 26 of 130 steps go
    // THEN a part of 1 is 4.73: 2.36, 4.73 four times, 3.15 and 1.58, summed and rounded 2, 7, 12,
    // 17, 21, 24 and 26
    assertThat(counts(TAPERED, groups, bounded(26)))
        .containsExactly(104, 88, 64, 64, 104, 64, 72, 80, 88, 104);

    // WHEN it is 28, for which a part of 1 were 5.09
    // THEN those give 5, and 1/2, 2/3 and 1/3 the other 8: 2.67, 3.56 and 1.78
    assertThat(counts(TAPERED, groups, bounded(28)))
        .containsExactly(104, 80, 64, 64, 104, 64, 64, 80, 88, 104);

    // WHEN it is 39, and 7 layers can give 35
    assertThatThrownBy(
            () -> TAPERED.allocate(groups, bounded(39), CandidateLosses.NONE).unitsToKeep())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("pruning ratio 0.3 asked for, but 0.2692 is all that can be");
  }

  private static PruningTarget bounded(int steps) {
    return new PruningTarget(
        steps / 130.0, ImmutableSet.of(GroupKind.MLP_CHANNELS), 8, 60, ImmutableSet.of(4));
  }

  @Test
  void slopesGiveAsMuchAsTheOthersWhereThoseWouldLoseNearlyEverything() {
    // GIVEN parts that come to 6.5 of 10 layers, of which 0.9 is 5.85
    List<ScoredGroup> groups = layers(10, GroupKind.MLP_CHANNELS, new double[100]);

    // WHEN a little less goes and a little more
    // THEN
    assertThat(counts(TAPERED, groups, PruningTarget.of(0.58, GroupKind.MLP_CHANNELS)))
        .startsWith(100)
        .endsWith(100)
        .satisfies(counts -> assertThat(sum(counts)).isEqualTo(420));
    assertThat(counts(TAPERED, groups, PruningTarget.of(0.59, GroupKind.MLP_CHANNELS)))
        .containsOnly(41);
  }

  @Test
  void parametersMakeTheSameAllocationAgain() {
    assertThat(new TrapezoidAllocation().with(TAPERED.parameters())).isEqualTo(TAPERED);
    assertThat(new TrapezoidAllocation().with(ImmutableMap.of("fall", "0.3")))
        .isEqualTo(new TrapezoidAllocation(0.1, 0.067, 0.034, 0.3, Comparison.RESTORED));
  }

  @Test
  void slopesThatLeaveNothingBetweenAreRefused() {
    assertThatThrownBy(() -> new TrapezoidAllocation(0.25, 0.25, 0.25, 0.25, Comparison.STREAM))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("first 0.25, last 0.25, rise 0.25 and fall 0.25: expected parts");
    assertThatThrownBy(() -> new TrapezoidAllocation(0, 0, 0, -0.1, Comparison.STREAM))
        .isInstanceOf(IllegalArgumentException.class);
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
            new TrapezoidAllocation(0.5, 0)
                .allocate(
                    groups, PruningTarget.of(0.25, GroupKind.ATTENTION_HEADS), CandidateLosses.NONE)
                .unitsToKeep())
        .isEqualTo(
            ImmutableMap.of(
                new GroupId(0, GroupKind.ATTENTION_HEADS), 1,
                new GroupId(1, GroupKind.ATTENTION_HEADS), 2));
  }

  @Test
  void endsThatLeaveNothingBetweenAreRefused() {
    assertThatThrownBy(() -> new TrapezoidAllocation(0.6, 0.4))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "first 0.6, last 0.4, rise 0.0 and fall 0.0: expected parts of the layers that leave"
                + " some between");
  }

  @Test
  void headsAreComparedByTheStreamOrByTheirOwnScores() {
    // GIVEN two layers of two heads, and a fourth to go
    List<ScoredGroup> heads =
        List.of(
            new ScoredGroup(
                new GroupId(0, GroupKind.ATTENTION_HEADS), 10, ImmutableDoubleArray.of(4, 8)),
            new ScoredGroup(
                new GroupId(1, GroupKind.ATTENTION_HEADS), 10, ImmutableDoubleArray.of(3.9, 2)));
    PruningTarget target = PruningTarget.of(0.25, GroupKind.ATTENTION_HEADS);

    // WHEN they are compared as they are, and by the mean of their layer
    TrapezoidAllocation own = new TrapezoidAllocation(0, 0, 0, 0, Comparison.SCORES);
    TrapezoidAllocation scaled = new TrapezoidAllocation(0, 0, 0, 0, Comparison.MEAN);

    // THEN 2 is the least, and of 4/6, 8/6, 3.9/2.95 and 2/2.95 it is 4/6
    assertThat(counts(own, heads, target)).containsExactly(2, 1);
    assertThat(counts(scaled, heads, target)).containsExactly(1, 2);

    // THEN the criterion's own scores compare them, and no other criterion is asked
    assertThat(own.criterion(GroupKind.ATTENTION_HEADS)).isEmpty();
    assertThat(new TrapezoidAllocation().criterion(GroupKind.ATTENTION_HEADS))
        .contains(new Obs(0.1, Obs.Ridge.MEAN, TokenWeights.STREAM, 1));
    assertThat(new TrapezoidAllocation(0.1, 0.1).criterion(GroupKind.ATTENTION_HEADS))
        .contains(new Energy(TokenWeights.STREAM));
  }
}
