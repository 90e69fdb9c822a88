package org.minillm.criteria;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.primitives.ImmutableDoubleArray;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.evidence.TokenWeights;
import org.minillm.core.plan.CandidateLosses;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plan.ScoredGroup;

class GlobalAllocationTest {

  private static GroupId channels(int layer) {
    return new GroupId(layer, GroupKind.MLP_CHANNELS);
  }

  private static GroupId heads(int layer) {
    return new GroupId(layer, GroupKind.ATTENTION_HEADS);
  }

  private static ScoredGroup group(GroupId id, double... scores) {
    return new ScoredGroup(id, 10, ImmutableDoubleArray.copyOf(scores));
  }

  private static final List<ScoredGroup> CHANNELS =
      List.of(group(channels(0), 9, 8, 7, 6), group(channels(1), 1, 2, 3, 10));

  /** Layers whose scores are of different size. */
  private static final List<ScoredGroup> UNLIKE =
      List.of(group(channels(0), 1, 2, 3, 6), group(channels(1), 20, 20, 20, 140));

  private static PruningTarget half(GroupKind kind) {
    return PruningTarget.of(0.5, kind);
  }

  @Test
  void theCheapestUnitsOfAllLayersGo() {
    // GIVEN the 4 smallest of 8 scores: 1, 2, 3 of layer 1 and 6 of layer 0
    // WHEN half is removed, nothing of it by equal parts
    var kept =
        new GlobalAllocation(Comparison.STREAM, 1)
            .allocate(CHANNELS, half(GroupKind.MLP_CHANNELS), CandidateLosses.NONE)
            .unitsToKeep();

    // THEN
    assertThat(kept).isEqualTo(ImmutableMap.of(channels(0), 3, channels(1), 1));
  }

  @Test
  void noMixIsUniform() {
    assertThat(
            new GlobalAllocation(Comparison.STREAM, 0)
                .allocate(CHANNELS, half(GroupKind.MLP_CHANNELS), CandidateLosses.NONE)
                .unitsToKeep())
        .isEqualTo(ImmutableMap.of(channels(0), 2, channels(1), 2));
  }

  @Test
  void aMixtureIsRoundedSoThatTheRatioIsReached() {
    // GIVEN half way between 2, 2 and 3, 1: 2.5 and 1.5
    // WHEN
    var kept =
        new GlobalAllocation(Comparison.STREAM, 0.5)
            .allocate(CHANNELS, half(GroupKind.MLP_CHANNELS), CandidateLosses.NONE)
            .unitsToKeep();

    // THEN the lower layer is rounded up and 4 of 8 stay
    assertThat(kept).isEqualTo(ImmutableMap.of(channels(0), 3, channels(1), 1));
  }

  @Test
  void byTheStreamUnitsAreComparedByWhatTheyAddToIt() {
    assertThat(new GlobalAllocation().criterion(GroupKind.MLP_CHANNELS))
        .contains(new Energy(TokenWeights.STREAM));
  }

  @Test
  void orByWhatIsLostOfItWhenTheOthersAreReFitted() {
    assertThat(new GlobalAllocation(Comparison.RESTORED, 1).criterion(GroupKind.MLP_CHANNELS))
        .contains(new Obs(0.1, Obs.Ridge.MEAN, TokenWeights.STREAM, 1));
  }

  @ParameterizedTest
  @EnumSource(
      value = Comparison.class,
      names = {"STREAM", "RESTORED"},
      mode = EnumSource.Mode.EXCLUDE)
  void elseByTheScoresThatChooseThem(Comparison by) {
    assertThat(new GlobalAllocation(by, 1).criterion(GroupKind.MLP_CHANNELS)).isEmpty();
  }

  @Test
  void scoresAsTheyAreCompareLayersOfDifferentSize() {
    // GIVEN the 4 smallest of 8: all of layer 0, of which one stays, and the first of layer 1
    // WHEN, THEN
    assertThat(
            new GlobalAllocation(Comparison.SCORES, 1)
                .allocate(UNLIKE, half(GroupKind.MLP_CHANNELS), CandidateLosses.NONE)
                .unitsToKeep())
        .isEqualTo(ImmutableMap.of(channels(0), 1, channels(1), 3));
  }

  @Test
  void scoresOverTheirMeanCompareLayersByWhatIsSmallWithinThem() {
    // GIVEN means 3 and 50: 1/3, 2/3, 3/3, 6/3 and 20/50, 20/50, 20/50, 140/50
    // WHEN half goes: 1/3 and three times 0.4, THEN
    assertThat(
            new GlobalAllocation(Comparison.MEAN, 1)
                .allocate(UNLIKE, half(GroupKind.MLP_CHANNELS), CandidateLosses.NONE)
                .unitsToKeep())
        .isEqualTo(ImmutableMap.of(channels(0), 3, channels(1), 1));
  }

  @Test
  void standardisedScoresCountDeviationsFromTheMean() {
    // GIVEN deviations sqrt(3.5) and 30 * sqrt(3): -1.07, -0.53, 0, 1.6 and three times -0.58, 1.73
    // WHEN half goes: -1.07 and the three of -0.58, before -0.53, THEN
    assertThat(
            new GlobalAllocation(Comparison.STANDARDISED, 1)
                .allocate(UNLIKE, half(GroupKind.MLP_CHANNELS), CandidateLosses.NONE)
                .unitsToKeep())
        .isEqualTo(ImmutableMap.of(channels(0), 3, channels(1), 1));
    assertThat(Comparison.STANDARDISED.comparable(UNLIKE.get(0)).scores().toArray())
        .containsExactly(
            new double[] {-2 / Math.sqrt(3.5), -1 / Math.sqrt(3.5), 0, 3 / Math.sqrt(3.5)},
            within(1e-15));
  }

  @ParameterizedTest
  @EnumSource(Comparison.class)
  void equalScoresStayFinite(Comparison by) {
    assertThat(by.comparable(group(channels(0), 0, 0, 0)).scores().toArray())
        .containsExactly(0, 0, 0);
  }

  @Test
  void whatIsComparedIsASetting() {
    assertThat(new GlobalAllocation().with(ImmutableMap.of("by", "standardised", "mix", "1")))
        .isEqualTo(new GlobalAllocation(Comparison.STANDARDISED, 1));
    assertThatThrownBy(() -> new GlobalAllocation().with(ImmutableMap.of("by", "luck")))
        .hasMessage("by \"luck\", expected one of stream, restored, scores, mean, standardised");
  }

  @Test
  void headsAreComparedOverAllLayersAndOneStays() {
    // GIVEN 3 heads a layer, those of layer 1 all cheaper than those of layer 0
    List<ScoredGroup> groups = List.of(group(heads(0), 7, 8, 9), group(heads(1), 1, 2, 3));

    // WHEN half of the 6 go
    var kept =
        new GlobalAllocation()
            .allocate(groups, half(GroupKind.ATTENTION_HEADS), CandidateLosses.NONE)
            .unitsToKeep();

    // THEN one of layer 1 stays and layer 0 gives the third
    assertThat(kept).isEqualTo(ImmutableMap.of(heads(0), 2, heads(1), 1));
  }

  @Test
  void layersLeftWholeGiveNothing() {
    // GIVEN a target that leaves layer 1 whole
    PruningTarget target =
        new PruningTarget(0.25, ImmutableSet.of(GroupKind.MLP_CHANNELS), 1, 1, ImmutableSet.of(1));

    // WHEN a quarter is removed
    // THEN layer 0 gives it
    assertThat(
            new GlobalAllocation().allocate(CHANNELS, target, CandidateLosses.NONE).unitsToKeep())
        .isEqualTo(ImmutableMap.of(channels(0), 2, channels(1), 4));
  }

  @Test
  void aRatioBeyondTheBoundsIsRefused() {
    // GIVEN at least 3 of 4 heads a layer
    PruningTarget target =
        new PruningTarget(0.5, ImmutableSet.of(GroupKind.ATTENTION_HEADS), 1, 3, ImmutableSet.of());
    List<ScoredGroup> groups = List.of(group(heads(0), 1, 2, 3, 4), group(heads(1), 1, 2, 3, 4));

    // WHEN, THEN
    assertThatThrownBy(
            () ->
                new GlobalAllocation().allocate(groups, target, CandidateLosses.NONE).unitsToKeep())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("pruning ratio 0.5 cannot be reached with at least 3 units a group");
  }

  @Test
  void groupsOfOneUnitHaveNothingToGive() {
    // GIVEN layers of a single head
    List<ScoredGroup> groups = List.of(group(heads(0), 1), group(heads(1), 2));

    // WHEN half of them is to go, THEN the message says that one stays in each
    assertThatThrownBy(
            () ->
                new GlobalAllocation()
                    .allocate(groups, half(GroupKind.ATTENTION_HEADS), CandidateLosses.NONE)
                    .unitsToKeep())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("cannot be reached with at least 1 units a group");
  }
}
