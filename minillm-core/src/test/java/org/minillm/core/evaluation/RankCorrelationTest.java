package org.minillm.core.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.primitives.ImmutableDoubleArray;
import org.junit.jupiter.api.Test;

class RankCorrelationTest {

  private static final ImmutableDoubleArray SCORES = ImmutableDoubleArray.of(0.1, 7, 3, 100);

  @Test
  void sameOrderIsOneWhateverTheSizes() {
    assertThat(RankCorrelation.of(SCORES, ImmutableDoubleArray.of(-5, 2, 1, 3))).isEqualTo(1);
  }

  @Test
  void oppositeOrderIsMinusOne() {
    assertThat(RankCorrelation.of(SCORES, ImmutableDoubleArray.of(4, 2, 3, 1))).isEqualTo(-1);
  }

  @Test
  void twoNeighboursChangedIsAsComputedByHand() {
    // ranks 0 2 1 3 and 0 1 2 3: sum(d^2) = 2, n = 4, 1 - 12 / 60
    assertThat(RankCorrelation.of(SCORES, ImmutableDoubleArray.of(1, 2, 3, 4)))
        .isCloseTo(0.8, within(1e-15));
  }

  @Test
  void equalScoresShareTheMeanOfTheirRanks() {
    // GIVEN ranks 0, 1.5, 1.5, 3 and 0, 1, 2, 3: deviations -1.5 0 0 1.5 and -1.5 -0.5 0.5 1.5
    ImmutableDoubleArray tied = ImmutableDoubleArray.of(1, 2, 2, 3);

    // THEN 4.5 / sqrt(4.5 * 5)
    assertThat(RankCorrelation.of(tied, ImmutableDoubleArray.of(1, 2, 3, 4)))
        .isCloseTo(4.5 / Math.sqrt(22.5), within(1e-15));
  }

  @Test
  void withoutAnOrderThereIsNoCorrelation() {
    assertThat(RankCorrelation.of(SCORES, ImmutableDoubleArray.of(2, 2, 2, 2))).isNaN();
    assertThat(RankCorrelation.of(ImmutableDoubleArray.of(1), ImmutableDoubleArray.of(1))).isNaN();
  }

  @Test
  void listsOfDifferentLengthsAreRefused() {
    assertThatThrownBy(() -> RankCorrelation.of(SCORES, ImmutableDoubleArray.of(1)))
        .hasMessage("4 scores and 1, expected as many");
  }
}
