package org.minillm.core.tensor;

import java.nio.FloatBuffer;

/**
 * Random numbers by index, such as those of {@link CounterRng} of a seed and a stream: the one at
 * an index is the same wherever a fill begins and whichever thread does it.
 */
@FunctionalInterface
public interface RandomFill {

  /**
   * Fills a buffer from its position to its limit. The position stays where it is.
   *
   * @param target receives {@code target.remaining()} numbers
   * @param firstIndex index of the first; the others follow
   */
  void fill(FloatBuffer target, long firstIndex);
}
