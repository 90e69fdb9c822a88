package org.minillm.core.calibration;

import ai.djl.ndarray.NDArray;
import org.jspecify.annotations.Nullable;
import org.minillm.core.model.TensorSlice;
import org.minillm.core.plugin.Plugin;

/** Where the array arithmetic of criteria runs. */
public interface ScoreBackend extends Plugin {

  /** How the terms of a unit become one number. */
  enum Reduction {
    /** Their sum. */
    SUM,
    /** The largest of them. */
    MAX
  }

  /**
   * Reduces {@code |W_ij * g_ij * n_j| ^ exponent} over the weights that each unit owns.
   *
   * @param slice which indices a unit owns
   * @param weight W, FLOAT32, (out, in) or (out) for a bias
   * @param gradient g, FLOAT32, of W's shape; null stands for 1 everywhere
   * @param inputNorms n, one an input column (one in all for a bias); null stands for 1 everywhere
   * @param exponent 1 or 2
   * @param reduction sum or maximum, accumulated in double
   * @return one number a unit
   */
  double[] reduce(
      TensorSlice slice,
      NDArray weight,
      @Nullable NDArray gradient,
      double @Nullable [] inputNorms,
      int exponent,
      Reduction reduction);
}
