package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.primitives.ImmutableIntArray;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.Positions;
import org.minillm.core.architecture.TokenLayout;

class AlibiTest {

  /** One unit in the last place of a float32 below 1: the base is rounded before it is raised. */
  private static final Offset<Float> ROUNDING = within(6e-8f);

  @Test
  void aPowerOfTwoOfHeadsGivesOneSequence() {
    // 2^(-8/8) = 1/2, and its powers
    assertThat(new Alibi(8).slopes())
        .containsExactly(1 / 2f, 1 / 4f, 1 / 8f, 1 / 16f, 1 / 32f, 1 / 64f, 1 / 128f, 1 / 256f);
  }

  @Test
  void sixHeadsHaveTheFourOfFourAndTheOddOnesOfEight() {
    // four heads: 2^-2, 2^-4, 2^-6, 2^-8; eight heads: 2^-1, (2^-2), 2^-3, …
    assertThat(new Alibi(6).slopes())
        .containsExactly(1 / 4f, 1 / 16f, 1 / 64f, 1 / 256f, 1 / 2f, 1 / 8f);
  }

  @Test
  void theHeadsOfBloom176BHaveThe64Of64AndTheOddOnesOf128() {
    // WHEN
    float[] slopes = new Alibi(112).slopes();

    // THEN 2^(-8/64) = 0.917004, its 8th power 1/2, its 64th 1/256
    assertThat(slopes).hasSize(112);
    assertThat(slopes[0]).isCloseTo(0.917004043f, ROUNDING);
    assertThat(slopes[7]).isCloseTo(0.5f, within(3e-7f));
    assertThat(slopes[63]).isCloseTo(1 / 256f, within(3e-8f));
    // AND 2^(-8/128) = 0.957603, its third power 0.878126, its 95th 2^(-95/16) = 2^-6 * 1.0442738
    assertThat(slopes[64]).isCloseTo(0.957603281f, ROUNDING);
    assertThat(slopes[65]).isCloseTo(0.878126080f, within(2e-7f));
    assertThat(slopes[111]).isCloseTo(0.016316778f, within(2e-8f));
  }

  @Test
  void oneHeadIsAPowerOfTwo() {
    assertThat(new Alibi(1).slopes()).containsExactly(1 / 256f);
  }

  @Test
  void headsThatAreLeftKeepTheirOwnSlopes() {
    try (NDManager manager = NDManager.newBaseManager()) {
      // GIVEN a layer that kept the heads 1 and 4 of six, with slopes 1/16 and 1/2
      Alibi alibi = new Alibi(6);
      LayerShape shape = new LayerShape(2, 8, ImmutableIntArray.of(1, 4));
      TokenLayout layout = TokenLayout.following(0, 3);
      Positions positions = new Positions(layout, null, new NDList(alibi.tables(layout, manager)));

      // WHEN it adds to scores of 0: (batch * heads, time, time)
      NDArray scores = manager.zeros(new Shape(2, 3, 3));
      NDArray biased = alibi.inLayer(shape, manager).bias(scores, positions);

      // THEN every row of a head has slope * position of the key
      assertThat(biased.toFloatArray())
          .containsExactly(
              0, 1 / 16f, 2 / 16f, 0, 1 / 16f, 2 / 16f, 0, 1 / 16f, 2 / 16f, 0, 1 / 2f, 1, 0,
              1 / 2f, 1, 0, 1 / 2f, 1);
    }
  }
}
