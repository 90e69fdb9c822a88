package org.minillm.core.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;
import static org.minillm.core.architecture.GroupKind.ATTENTION_HEADS;
import static org.minillm.core.architecture.GroupKind.MLP_CHANNELS;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Lists;
import com.google.common.primitives.ImmutableDoubleArray;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;

class UniformAllocationTest {

  // SmolLM2-135M: hidden 576, 9 query and 3 key-value heads of width 64, 1536 channels, 30 layers
  private static final int LAYERS = 30;
  private static final long WEIGHTS_PER_CHANNEL = 3 * 576;
  private static final long WEIGHTS_PER_HEAD = 2 * (3 * 64 * 576) + 2 * (64 * 576);
  private static final List<ScoredGroup> CHANNELS = layers(LAYERS, MLP_CHANNELS, 1536);
  private static final List<ScoredGroup> HEADS = layers(LAYERS, ATTENTION_HEADS, 3);
  private static final List<ScoredGroup> BOTH =
      ImmutableList.<ScoredGroup>builder().addAll(CHANNELS).addAll(HEADS).build();
  private static final ImmutableSet<Integer> ENDS = ImmutableSet.of(0, 1, 2, 3, 28, 29);

  private final UniformAllocation uniform = new UniformAllocation();

  private static List<ScoredGroup> layers(int layers, GroupKind kind, int units) {
    return uneven(kind, Collections.nCopies(layers, units));
  }

  private static List<ScoredGroup> uneven(GroupKind kind, List<Integer> units) {
    List<ScoredGroup> groups = new ArrayList<>();
    for (int layer = 0; layer < units.size(); layer++) {
      groups.add(
          new ScoredGroup(
              new GroupId(layer, kind),
              kind == MLP_CHANNELS ? WEIGHTS_PER_CHANNEL : WEIGHTS_PER_HEAD,
              ImmutableDoubleArray.copyOf(new double[units.get(layer)])));
    }
    return groups;
  }

  private static PruningTarget target(
      double ratio, int multipleOf, int minimumUnits, Set<Integer> keepLayers, GroupKind... kinds) {
    return new PruningTarget(
        ratio,
        ImmutableSet.copyOf(kinds),
        multipleOf,
        minimumUnits,
        ImmutableSet.copyOf(keepLayers));
  }

  private static Set<Integer> counts(Map<GroupId, Integer> kept, GroupKind kind) {
    Set<Integer> counts = new HashSet<>();
    kept.forEach(
        (group, count) -> {
          if (group.kind() == kind) {
            counts.add(count);
          }
        });
    return counts;
  }

  @Test
  void isCalledUniform() {
    assertThat(uniform.name()).isEqualTo("uniform");
  }

  @ParameterizedTest
  @CsvSource({"0.2, 1229", "0.5, 768"}) // 1536 - 307.2 and 1536 - 768
  void takesTheSameNumberOfChannelsFromEveryLayer(double ratio, int kept) {
    // WHEN
    Map<GroupId, Integer> result =
        uniform.unitsToKeep(CHANNELS, PruningTarget.of(ratio, MLP_CHANNELS));

    // THEN
    assertThat(result).hasSize(LAYERS);
    assertThat(result.values()).containsOnly(kept);
  }

  @ParameterizedTest
  @CsvSource({"0.2, 1152", "0.5, 576"}) // 1536 - 0.2 * 1536 * 30 / 24 and 1536 - 960
  void takesTheMoreFromTheOthersWhereLayersAreLeftWhole(double ratio, int kept) {
    // WHEN
    Map<GroupId, Integer> result =
        uniform.unitsToKeep(CHANNELS, target(ratio, 1, 1, ENDS, MLP_CHANNELS));

    // THEN
    for (int layer = 0; layer < LAYERS; layer++) {
      assertThat(result)
          .containsEntry(new GroupId(layer, MLP_CHANNELS), ENDS.contains(layer) ? 1536 : kept);
    }
  }

  @Test
  void roundsTheCostlierHeadsFirstAndLetsTheChannelsMakeUpForIt() {
    // WHEN
    Map<GroupId, Integer> result =
        uniform.unitsToKeep(BOTH, PruningTarget.of(0.2, MLP_CHANNELS, ATTENTION_HEADS));

    // THEN 0.6 of a head is 1; (0.2 * 3538944 - 294912) / 1728 = 238.9 channels
    assertThat(counts(result, ATTENTION_HEADS)).containsExactly(2);
    assertThat(counts(result, MLP_CHANNELS)).containsExactly(1536 - 239);
  }

  @Test
  void makesUpForHeadsInThePrunedLayersAlone() {
    // WHEN
    Map<GroupId, Integer> result =
        uniform.unitsToKeep(BOTH, target(0.2, 1, 1, ENDS, MLP_CHANNELS, ATTENTION_HEADS));

    // THEN 0.75 of a head is 1; (0.2 * 30 * 3538944 - 24 * 294912) / 24 / 1728 = 341.3 channels
    assertThat(result)
        .containsEntry(new GroupId(4, ATTENTION_HEADS), 2)
        .containsEntry(new GroupId(4, MLP_CHANNELS), 1536 - 341)
        .containsEntry(new GroupId(3, ATTENTION_HEADS), 3)
        .containsEntry(new GroupId(3, MLP_CHANNELS), 1536);
  }

  @Test
  void letsTheChannelsGiveAllWhereTheOnlyHeadMustStay() {
    // GIVEN 1 head (294912 weights) and 1536 channels (2654208 weights) in each of 2 layers
    List<ScoredGroup> groups = new ArrayList<>(layers(2, ATTENTION_HEADS, 1));
    groups.addAll(layers(2, MLP_CHANNELS, 1536));

    // WHEN
    Map<GroupId, Integer> result =
        uniform.unitsToKeep(groups, PruningTarget.of(0.6, MLP_CHANNELS, ATTENTION_HEADS));

    // THEN 0.6 * 2949120 / 1728 = 1024 channels
    assertThat(counts(result, ATTENTION_HEADS)).containsExactly(1);
    assertThat(counts(result, MLP_CHANNELS)).containsExactly(1536 - 1024);
  }

  @ParameterizedTest
  @CsvSource({"32, 0.2, 1216", "256, 0.2, 1280", "32, 0.5, 768"}) // near 1228.8 and 768
  void roundsTheKeptChannelsToTheNearestMultiple(int multiple, double ratio, int kept) {
    // WHEN
    Map<GroupId, Integer> result =
        uniform.unitsToKeep(CHANNELS, target(ratio, multiple, 1, Set.of(), MLP_CHANNELS));

    // THEN
    assertThat(result.values()).containsOnly(kept);
  }

  @Test
  void roundsChannelsButNotHeadsToAMultiple() {
    // WHEN
    Map<GroupId, Integer> result =
        uniform.unitsToKeep(BOTH, target(0.2, 32, 1, Set.of(), MLP_CHANNELS, ATTENTION_HEADS));

    // THEN 1297.1 channels are 40.53 times 32
    assertThat(counts(result, ATTENTION_HEADS)).containsExactly(2);
    assertThat(counts(result, MLP_CHANNELS)).containsExactly(41 * 32);
  }

  @Test
  void takesTheLargestMultipleThatALayerHas() {
    // GIVEN 100 channels, of which 99.9 would stay
    List<ScoredGroup> groups = layers(2, MLP_CHANNELS, 100);

    // WHEN
    Map<GroupId, Integer> result =
        uniform.unitsToKeep(groups, target(0.001, 32, 1, Set.of(), MLP_CHANNELS));

    // THEN
    assertThat(result.values()).containsOnly(96);
  }

  @ParameterizedTest
  @CsvSource({"5, 0.1, 4", "5, 0.3, 3", "3, 0.5, 1", "10, 0.35, 6"})
  void roundsHalfAUnitUp(int heads, double ratio, int kept) {
    // WHEN
    Map<GroupId, Integer> result =
        uniform.unitsToKeep(
            layers(7, ATTENTION_HEADS, heads), PruningTarget.of(ratio, ATTENTION_HEADS));

    // THEN
    assertThat(result.values()).containsOnly(kept);
  }

  @Test
  void takesTheSameShareOfUnequalLayers() {
    // WHEN
    Collection<Integer> kept =
        uniform
            .unitsToKeep(
                uneven(MLP_CHANNELS, List.of(100, 50)), PruningTarget.of(0.2, MLP_CHANNELS))
            .values();

    // THEN
    assertThat(kept).containsExactly(80, 40);
  }

  @Test
  void takesTheMoreFromTheOthersWhereTheMinimumStopsASmallLayer() {
    // GIVEN 60 of 120 channels are to go, and the second layer can give 5
    List<ScoredGroup> groups = uneven(MLP_CHANNELS, List.of(100, 20));

    // WHEN
    Collection<Integer> kept =
        uniform.unitsToKeep(groups, target(0.5, 1, 15, Set.of(), MLP_CHANNELS)).values();

    // THEN
    assertThat(kept).containsExactly(45, 15);
  }

  @Test
  void leavesALayerWholeThatIsSmallerThanTheMinimum() {
    // GIVEN 22 of 110 channels are to go
    List<ScoredGroup> groups = uneven(MLP_CHANNELS, List.of(100, 10));

    // WHEN
    Collection<Integer> kept =
        uniform.unitsToKeep(groups, target(0.2, 1, 15, Set.of(), MLP_CHANNELS)).values();

    // THEN
    assertThat(kept).containsExactly(78, 10);
  }

  @Test
  void takesUnequalSharesInProportionOfUnequalLayers() {
    // GIVEN parts of 1, 2 and 3
    List<ScoredGroup> groups = Lists.reverse(uneven(MLP_CHANNELS, List.of(10, 20, 80)));

    // WHEN 0.2 of 110
    Collection<Integer> kept =
        new UniformAllocation()
            .unitsToKeep(groups, PruningTarget.of(0.2, MLP_CHANNELS), layer -> layer + 1)
            .values();

    // THEN 22 / (10 + 40 + 240) is 0.0759: 0.76, 3.03 and 18.2 go, summed and rounded 1, 4, 22
    assertThat(kept).containsExactly(9, 17, 62);
  }

  @Test
  void givesTheOthersTheMoreWhereTheMinimumStopsALargePart() {
    // GIVEN 60 of 120 channels are to go, of which the first layer can give 25
    List<ScoredGroup> groups = layers(3, MLP_CHANNELS, 40);

    // WHEN
    Collection<Integer> kept =
        new UniformAllocation()
            .unitsToKeep(
                groups, target(0.5, 1, 15, Set.of(), MLP_CHANNELS), layer -> 6.0 / (layer + 1))
            .values();

    // THEN 35 of the others in parts of 3 and 2: 21 and 14
    assertThat(kept).containsExactly(15, 19, 26);
  }

  @Test
  void refusesAPartOfNothing() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                new UniformAllocation()
                    .unitsToKeep(HEADS, PruningTarget.of(0.5, ATTENTION_HEADS), layer -> layer))
        .withMessage("layer 0 attention_heads: part 0.0, expected more than 0");
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.05, 0.1, 0.2, 0.25, 1 / 3.0, 0.5, 0.6})
  void comesWithinHalfTheFinestUnitALayerOfTheTarget(double ratio) {
    // GIVEN
    PruningTarget whole = PruningTarget.of(ratio, MLP_CHANNELS, ATTENTION_HEADS);
    PruningTarget ends = target(ratio, 1, 1, ENDS, MLP_CHANNELS, ATTENTION_HEADS);
    double halfAUnit =
        0.5 * WEIGHTS_PER_CHANNEL / (1536 * WEIGHTS_PER_CHANNEL + 3 * WEIGHTS_PER_HEAD);

    // WHEN
    double reachedWhole = UniformAllocation.reachedRatio(BOTH, uniform.unitsToKeep(BOTH, whole));
    double reachedEnds = UniformAllocation.reachedRatio(BOTH, uniform.unitsToKeep(BOTH, ends));

    // THEN
    assertThat(reachedWhole).isCloseTo(ratio, within(halfAUnit));
    assertThat(reachedEnds).isCloseTo(ratio, within(halfAUnit));
  }

  @Test
  void doesNotDependOnTheOrderOfTheGroups() {
    // GIVEN
    PruningTarget target = PruningTarget.of(0.37, MLP_CHANNELS, ATTENTION_HEADS);

    // WHEN
    Map<GroupId, Integer> backwards = uniform.unitsToKeep(Lists.reverse(BOTH), target);

    // THEN
    assertThat(backwards).isEqualTo(uniform.unitsToKeep(BOTH, target));
  }

  @Test
  void computesTheReachedRatioInWeights() {
    // GIVEN 2 layers of 4 channels and 2 heads: 2 * (4 * 1728 + 2 * 294912) = 1193472 weights
    List<ScoredGroup> groups = new ArrayList<>(layers(2, MLP_CHANNELS, 4));
    groups.addAll(layers(2, ATTENTION_HEADS, 2));

    // WHEN 3 channels and 1 head go, 300096 weights
    double ratio =
        UniformAllocation.reachedRatio(
            groups, Map.of(new GroupId(0, MLP_CHANNELS), 1, new GroupId(1, ATTENTION_HEADS), 1));

    // THEN
    assertThat(ratio).isEqualTo(300096 / 1193472.0);
  }

  @ParameterizedTest
  @ValueSource(ints = {30, -1})
  void refusesToLeaveALayerWholeThatDoesNotExist(int layer) {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> uniform.unitsToKeep(CHANNELS, target(0.2, 1, 1, Set.of(layer), MLP_CHANNELS)))
        .withMessage("layer " + layer + " is to be left whole, but the model has layers 0 to 29");
  }

  @Test
  void refusesToLeaveAllLayersWhole() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                uniform.unitsToKeep(
                    layers(2, MLP_CHANNELS, 8), target(0.2, 1, 1, Set.of(0, 1), MLP_CHANNELS)))
        .withMessageStartingWith("all 2 layers are to be left whole, so that none can be pruned");
  }

  @Test
  void refusesARatioThatRoundsToNothing() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> uniform.unitsToKeep(HEADS, PruningTarget.of(0.1, ATTENTION_HEADS)))
        .withMessageStartingWith("pruning ratio 0.1 removes nothing: rounded to whole units");
  }

  @Test
  void refusesARatioThatTheMultipleRoundsToNothing() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> uniform.unitsToKeep(CHANNELS, target(0.05, 512, 1, Set.of(), MLP_CHANNELS)))
        .withMessageContaining("MLP channels to multiples of 512");
  }

  @Test
  void refusesARatioThatTheMinimumForbidsAndSaysWhatCanBeReached() {
    assertThatIllegalArgumentException() // (1536 - 1000) / 1536
        .isThrownBy(
            () -> uniform.unitsToKeep(CHANNELS, target(0.5, 1, 1000, Set.of(), MLP_CHANNELS)))
        .withMessageStartingWith(
            "pruning ratio 0.5 asked for, but 0.3490 is all that can be reached with at least 1000"
                + " units a group");
  }

  @Test
  void refusesARatioThatTheWholeLayersForbidAndSaysWhatCanBeReached() {
    // GIVEN 7 of 8 channels of one layer of 2
    List<ScoredGroup> groups = layers(2, MLP_CHANNELS, 8);

    // WHEN THEN
    assertThatIllegalArgumentException()
        .isThrownBy(() -> uniform.unitsToKeep(groups, target(0.5, 1, 1, Set.of(1), MLP_CHANNELS)))
        .withMessageContaining("0.4375 is all that can be reached")
        .withMessageContaining("1 layers left whole");
  }

  @Test
  void acceptsARatioThatRoundsDownToTheMinimum() {
    // WHEN 2.1 of 3 heads
    Map<GroupId, Integer> result =
        uniform.unitsToKeep(HEADS, PruningTarget.of(0.7, ATTENTION_HEADS));

    // THEN
    assertThat(result.values()).containsOnly(1);
  }

  @Test
  void refusesAMultipleThatIsLargerThanTheLayer() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                uniform.unitsToKeep(
                    layers(2, MLP_CHANNELS, 100), target(0.2, 256, 1, Set.of(), MLP_CHANNELS)))
        .withMessageStartingWith(
            "layer 0 mlp_channels: no multiple of 256 between the minimum of 1 and its 100 units");
  }

  @Test
  void refusesAKindThatTheModelDoesNotHave() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                uniform.unitsToKeep(CHANNELS, PruningTarget.of(0.2, MLP_CHANNELS, ATTENTION_HEADS)))
        .withMessageStartingWith("the model has no group of kind attention_heads");
  }

  @Test
  void refusesAGroupThatIsNoPartOfTheTarget() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> uniform.unitsToKeep(BOTH, PruningTarget.of(0.2, MLP_CHANNELS)))
        .withMessageStartingWith("layer 0 attention_heads: the target's kinds are [MLP_CHANNELS]");
  }

  @Test
  void refusesAGroupThatIsListedTwice() {
    // GIVEN
    List<ScoredGroup> groups = new ArrayList<>(layers(2, MLP_CHANNELS, 8));
    groups.addAll(layers(1, MLP_CHANNELS, 8));

    // WHEN THEN
    assertThatIllegalArgumentException()
        .isThrownBy(() -> uniform.unitsToKeep(groups, PruningTarget.of(0.2, MLP_CHANNELS)))
        .withMessage("a group is listed twice among 3 groups");
  }
}
