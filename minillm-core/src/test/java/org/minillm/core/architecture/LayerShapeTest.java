package org.minillm.core.architecture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.google.common.primitives.ImmutableIntArray;
import org.junit.jupiter.api.Test;

class LayerShapeTest {

  @Test
  void countsTheUnitsThatStay() {
    // GIVEN
    LayerShape shape = new LayerShape(4, 10);

    // WHEN
    LayerShape left =
        shape
            .keeping(GroupKind.ATTENTION_HEADS, ImmutableIntArray.of(1, 3))
            .keeping(GroupKind.MLP_CHANNELS, ImmutableIntArray.of(0, 5, 9));

    // THEN heads that know nothing of their place are counted only
    assertThat(left).isEqualTo(new LayerShape(2, 3));
  }

  @Test
  void headsThatKnowTheirPlaceKeepItWhenPrunedTwice() {
    // GIVEN
    LayerShape shape = new LayerShape(4, 10, ImmutableIntArray.of(0, 1, 2, 3));

    // WHEN head 0 goes, and then the middle one of those left
    LayerShape left =
        shape
            .keeping(GroupKind.ATTENTION_HEADS, ImmutableIntArray.of(1, 2, 3))
            .keeping(GroupKind.ATTENTION_HEADS, ImmutableIntArray.of(0, 2));

    // THEN
    assertThat(left).isEqualTo(new LayerShape(2, 10, ImmutableIntArray.of(1, 3)));
  }

  @Test
  void headsKeepTheirPlaceWhenChannelsGo() {
    // GIVEN
    LayerShape shape = new LayerShape(2, 10, ImmutableIntArray.of(1, 3));

    // WHEN
    LayerShape left = shape.keeping(GroupKind.MLP_CHANNELS, ImmutableIntArray.of(4));

    // THEN
    assertThat(left).isEqualTo(new LayerShape(2, 1, ImmutableIntArray.of(1, 3)));
  }

  @Test
  void everyHeadHasAPlaceOrNoneHas() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new LayerShape(3, 10, ImmutableIntArray.of(1, 2)))
        .withMessage("2 places of 3 heads, expected one a head");
  }
}
