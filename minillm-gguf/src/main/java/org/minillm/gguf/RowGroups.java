package org.minillm.gguf;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.primitives.ImmutableIntArray;
import java.util.stream.IntStream;

/**
 * Which rows of a tensor are written, and in which order: so many consecutive rows are a group, and
 * of each group the same rows go out, one after the other.
 *
 * @param rows of a group
 * @param order rows of the group by their number in it
 */
record RowGroups(int rows, ImmutableIntArray order) {

  /** All rows as they stand. */
  static final RowGroups ALL = new RowGroups(1, ImmutableIntArray.of(0));

  // Keeps the numbers within the group.
  RowGroups {
    int count = rows;
    checkArgument(order.stream().allMatch(row -> 0 <= row && row < count), "%s of %s", order, rows);
  }

  /**
   * Brings the two channels that rotary positions turn together beside each other: Hugging Face has
   * channel i of a head turned with i + headDim / 2, llama.cpp's LLaMA 2 i with 2 i + 1.
   *
   * @param headDim rows of a head, even
   */
  static RowGroups rotary(int headDim) {
    int half = headDim / 2;
    return new RowGroups(
        headDim,
        ImmutableIntArray.copyOf(IntStream.range(0, headDim).map(row -> row % 2 * half + row / 2)));
  }

  /** Takes one of several parts that stand together in each group, such as a head's keys. */
  static RowGroups part(int part, int parts, int width) {
    return new RowGroups(
        parts * width, ImmutableIntArray.copyOf(IntStream.range(part * width, (part + 1) * width)));
  }

  /**
   * Returns what undoes this, where it is a permutation: what a reader does.
   *
   * @throws IllegalArgumentException if rows are left out or repeated
   */
  RowGroups inverse() {
    int[] inverse = new int[rows];
    java.util.Arrays.fill(inverse, -1);
    for (int i = 0; i < order.length(); i++) {
      inverse[order.get(i)] = i;
    }
    checkArgument(order.length() == rows, "%s is no permutation", this);
    return new RowGroups(rows, ImmutableIntArray.copyOf(inverse));
  }

  /** How many rows are left of so many. */
  long kept(long all) {
    return all / rows * order.length();
  }
}
