package org.minillm.core.architecture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class TokenLayoutTest {

  @Test
  void textSeesTheCacheAndWhatCameBefore() {
    // GIVEN two tokens after two cached ones
    TokenLayout layout = TokenLayout.following(2, 2);
    // THEN
    assertThat(layout.positions()).isDeepEqualTo(new int[][] {{2, 3}});
    assertThat(seen(layout, 0)).containsExactly(true, true, true, false);
    assertThat(seen(layout, 1)).containsExactly(true, true, true, true);
    assertThat(layout.keyPosition(0, 1)).isEqualTo(1);
    assertThat(layout.keyPosition(0, 3)).isEqualTo(3);
  }

  @Test
  void branchesSeeTheContextAndNotEachOther() {
    // GIVEN a context of one token, branches of two and of one, and padding
    TokenLayout layout =
        new TokenLayout(
            0, new int[][] {{0, 1, 2, 1, 0}}, new int[][] {{0, 1, 1, 2, TokenLayout.PADDING}});
    // THEN
    assertThat(seen(layout, 2)).containsExactly(true, true, true, false, false);
    assertThat(seen(layout, 3)).containsExactly(true, false, false, true, false);
    assertThat(seen(layout, 4)).containsExactly(true, false, false, false, true);
  }

  @Test
  void rowsOfDifferentLengthsAreRejected() {
    assertThatThrownBy(() -> new TokenLayout(0, new int[][] {{0, 1}, {0}}, new int[2][2]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("row 1: 1 positions and 2 branches, expected 2");
  }

  private static boolean[] seen(TokenLayout layout, int step) {
    boolean[] seen = new boolean[layout.before() + layout.length()];
    for (int key = 0; key < seen.length; key++) {
      seen[key] = layout.sees(0, step, key);
    }
    return seen;
  }
}
