package org.minillm.core.architecture;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import java.util.Arrays;
import java.util.Objects;
import java.util.stream.IntStream;

/**
 * Where the tokens of a batch stand in their texts, and which tokens each of them sees. A row may
 * hold one text, or a context and several continuations that all see it and do not see each other.
 *
 * @param before tokens in the {@link AttentionCache}, seen by all
 * @param positions of each row's tokens, in their text; a single row stands for all of the batch
 * @param branches 0 for a token that all after it see; other tokens are seen by those of their own
 *     number only, after them in the row. Of the shape of {@code positions}
 */
public record TokenLayout(int before, int[][] positions, int[][] branches) {

  /** The branch of padding, which no other token sees. */
  public static final int PADDING = -1;

  // Checks that the parts fit each other.
  public TokenLayout {
    requireNonNull(positions, "positions");
    requireNonNull(branches, "branches");
    checkArgument(
        positions.length > 0 && positions.length == branches.length,
        "%s rows of positions and %s of branches, expected as many, at least 1",
        positions.length,
        branches.length);
    for (int row = 0; row < positions.length; row++) {
      checkArgument(
          positions[row].length == positions[0].length
              && branches[row].length == positions[0].length,
          "row %s: %s positions and %s branches, expected %s as in the first row",
          row,
          positions[row].length,
          branches[row].length,
          positions[0].length);
    }
  }

  /**
   * One text a row, all at the same place.
   *
   * @param before tokens that were read already
   * @param length tokens of each row
   * @return the layout
   */
  public static TokenLayout following(int before, int length) {
    return new TokenLayout(
        before,
        new int[][] {IntStream.range(before, before + length).toArray()},
        new int[1][length]);
  }

  /**
   * Counts the rows.
   *
   * @return 1 where all rows of a batch are alike
   */
  public int rows() {
    return positions.length;
  }

  /**
   * Counts the tokens of a row.
   *
   * @return without those of the cache
   */
  public int length() {
    return positions[0].length;
  }

  /**
   * Tells whether a token sees another one.
   *
   * @param row the row of both
   * @param step the token, from 0
   * @param key the other one, counted from the beginning of the cache
   * @return true where attention may look
   */
  public boolean sees(int row, int step, int key) {
    int other = key - before;
    return other < 0
        || other <= step
            && (branches[row][other] == 0 || branches[row][other] == branches[row][step]);
  }

  /**
   * Returns the position of a token or of one before it.
   *
   * @param row its row
   * @param key counted from the beginning of the cache
   * @return its position in the text
   */
  public int keyPosition(int row, int key) {
    return key < before ? key : positions[row][key - before];
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TokenLayout layout
        && before == layout.before
        && Arrays.deepEquals(positions, layout.positions)
        && Arrays.deepEquals(branches, layout.branches);
  }

  @Override
  public int hashCode() {
    return Objects.hash(before, Arrays.deepHashCode(positions), Arrays.deepHashCode(branches));
  }
}
