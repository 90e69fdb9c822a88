package org.minillm.examples;

import static org.assertj.core.api.Assertions.assertThat;
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
}
