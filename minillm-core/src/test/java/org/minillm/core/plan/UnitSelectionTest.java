package org.minillm.core.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.google.common.primitives.ImmutableDoubleArray;
import com.google.common.primitives.ImmutableIntArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.tensor.NotFiniteException;

class UnitSelectionTest {

  private static ScoredGroup scores(double... scores) {
    return new ScoredGroup(
        new GroupId(3, GroupKind.MLP_CHANNELS), 10, ImmutableDoubleArray.copyOf(scores));
  }

  @Test
  void keepsTheHighestScoresInAscendingOrderOfUnits() {
    // GIVEN
    ScoredGroup group = scores(0.5, 3, -1, 2, 7);

    // WHEN
    ImmutableIntArray kept = UnitSelection.keepHighest(group, 3);

    // THEN
    assertThat(kept).isEqualTo(ImmutableIntArray.of(1, 3, 4));
  }

  @Test
  void prefersTheLowerUnitOfTwoWithTheSameScore() {
    // GIVEN
    ScoredGroup group = scores(1, 2, 1, 1);

    // WHEN
    ImmutableIntArray kept = UnitSelection.keepHighest(group, 2);

    // THEN
    assertThat(kept).isEqualTo(ImmutableIntArray.of(0, 1));
  }

  @Test
  void takesTheTwoZerosForTheSameScore() {
    // GIVEN
    ScoredGroup group = scores(-0.0, 0.0);

    // WHEN
    ImmutableIntArray kept = UnitSelection.keepHighest(group, 1);

    // THEN
    assertThat(kept).isEqualTo(ImmutableIntArray.of(0));
  }

  @Test
  void keepsAllWhereAllAreAskedFor() {
    assertThat(UnitSelection.keepHighest(scores(1, 2), 2)).isEqualTo(ImmutableIntArray.of(0, 1));
  }

  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
  void refusesAScoreThatIsNotFinite(double score) {
    assertThatExceptionOfType(NotFiniteException.class)
        .isThrownBy(() -> UnitSelection.keepHighest(scores(1, score), 1))
        .withMessage("layer 3 mlp_channels: the score of unit 1 is " + score);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, 3})
  void refusesACountThatTheGroupDoesNotHave(int count) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> UnitSelection.keepHighest(scores(1, 2), count))
        .withMessage("layer 3 mlp_channels: " + count + " units to keep, expected 1 to 2");
  }
}
