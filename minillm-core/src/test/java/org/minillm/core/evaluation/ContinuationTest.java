package org.minillm.core.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ContinuationTest {

  private static final Continuation LONG =
      new Continuation(new int[] {1, 2, 3, 4}, new int[] {5, 6});

  @Test
  void aContextThatFitsStaysWhole() {
    // the last token is not read
    assertThat(LONG.fitting(5, "t")).isSameAs(LONG);
  }

  @Test
  void aLongContextIsCutFromTheLeft() {
    // WHEN
    Continuation cut = LONG.fitting(3, "t");

    // THEN
    assertThat(cut.context()).containsExactly(3, 4);
    assertThat(cut.continuation()).containsExactly(5, 6);
    assertThat(cut.input()).containsExactly(3, 4, 5);
    assertThat(cut.isCut()).isTrue();
  }

  @Test
  void aContinuationThatLeavesNoRoomForAContextIsRefused() {
    assertThatThrownBy(() -> LONG.fitting(1, "task, item 3"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "task, item 3: a continuation of 2 tokens, but the model has 1 positions"
                + " (max_position_embeddings)");
  }
}
