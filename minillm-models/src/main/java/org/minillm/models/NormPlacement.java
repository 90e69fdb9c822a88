package org.minillm.models;

import ai.djl.ndarray.NDArray;
import java.util.function.UnaryOperator;

/** Where the norm of a sublayer (attention or MLP) stands, and what the sublayer is added to. */
enum NormPlacement {
  /** x + f(norm(x)). */
  BEFORE {
    @Override
    NDArray run(NDArray hidden, Norm norm, UnaryOperator<NDArray> sublayer) {
      return sublayer.apply(norm.apply(hidden)).addi(hidden);
    }
  },

  /** n + f(n) with n = norm(x). */
  BEFORE_AND_ADDED {
    @Override
    NDArray run(NDArray hidden, Norm norm, UnaryOperator<NDArray> sublayer) {
      NDArray normed = norm.apply(hidden);
      return sublayer.apply(normed).addi(normed);
    }
  },

  /** norm(x + f(x)). */
  AFTER {
    @Override
    NDArray run(NDArray hidden, Norm norm, UnaryOperator<NDArray> sublayer) {
      return norm.apply(sublayer.apply(hidden).addi(hidden));
    }
  };

  /**
   * Runs a sublayer.
   *
   * @param sublayer makes a new array of what it is given
   * @return the new residual stream
   */
  abstract NDArray run(NDArray hidden, Norm norm, UnaryOperator<NDArray> sublayer);
}
