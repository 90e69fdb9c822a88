package org.minillm.core.evidence;

import ai.djl.ndarray.NDArray;
import org.jspecify.annotations.Nullable;

/** How much a token counts in sums over the calibration set. */
public enum TokenWeights {
  /** All the same. */
  EQUAL,

  /**
   * 1 / mean square of the residual stream that the output is added to. The next norm divides by
   * its root: an error of a given size matters the less, the longer the stream is. Without it the
   * few tokens whose stream is hundreds of times longer than that of the others (the first of a
   * window; Sun et al., arXiv 2402.17762) have nearly all the weight.
   */
  STREAM;

  /** Keeps the weight of a token finite whose stream is zero. */
  private static final double SMALLEST_MEAN_SQUARE = 1e-12;

  /**
   * Computes the roots of the weights: rows multiplied by them have weighted sums of squares.
   *
   * @param stream FLOAT32, (batch, time, hidden_size)
   * @return FLOAT32, (batch, time, 1), on the stream's manager; null where all are 1
   */
  public @Nullable NDArray roots(NDArray stream) {
    if (this == EQUAL) {
      return null;
    }
    int last = stream.getShape().dimension() - 1;
    return stream.square().mean(new int[] {last}, true).maximum(SMALLEST_MEAN_SQUARE).pow(-1.0 / 2);
  }
}
