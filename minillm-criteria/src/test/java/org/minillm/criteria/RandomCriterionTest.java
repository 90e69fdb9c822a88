package org.minillm.criteria;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.tensor.CounterRng;

class RandomCriterionTest {

  @Test
  void scoreIsAFunctionOfSeedLayerKindAndUnit() {
    assertThat(score(7, 3, GroupKind.MLP_CHANNELS))
        .hasSize(100)
        .contains(CounterRng.uniform(7, CounterRng.stream("3.mlp_channels"), 42));
  }

  @Test
  void sameGroupGetsTheSameScores() {
    assertThat(score(7, 3, GroupKind.MLP_CHANNELS)).isEqualTo(score(7, 3, GroupKind.MLP_CHANNELS));
  }

  @Test
  void otherSeedsLayersAndKindsGetOtherScores() {
    // GIVEN
    double[] scores = score(7, 3, GroupKind.MLP_CHANNELS);
    // THEN not one of 100 agrees
    assertThat(scores)
        .doesNotContain(score(8, 3, GroupKind.MLP_CHANNELS))
        .doesNotContain(score(7, 4, GroupKind.MLP_CHANNELS))
        .doesNotContain(score(7, 3, GroupKind.ATTENTION_HEADS));
  }

  private static double[] score(long seed, int layer, GroupKind kind) {
    PruningGroup group =
        new PruningGroup(
            new GroupId(layer, kind), 100, List.of(new TensorSlice("down", 1, 1, "down")));
    RandomCriterion criterion = new RandomCriterion(seed);
    try (HandMadeEvidence nothing = new HandMadeEvidence(1, criterion)) {
      return criterion.score(group, nothing);
    }
  }
}
