package org.minillm.models;

import ai.djl.ndarray.NDArray;
import java.util.function.UnaryOperator;
import org.minillm.core.model.InputTap;

/** Where the norm of a sublayer (attention or MLP) stands, and what the sublayer is added to. */
enum NormPlacement {
  /** x + f(norm(x)). */
  BEFORE {
    @Override
    NDArray run(NDArray hidden, Norm norm, InputTap tap, UnaryOperator<NDArray> sublayer) {
      return added(hidden, norm.apply(hidden), tap, sublayer);
    }
  },

  /** n + f(n) with n = norm(x). */
  BEFORE_AND_ADDED {
    @Override
    NDArray run(NDArray hidden, Norm norm, InputTap tap, UnaryOperator<NDArray> sublayer) {
      NDArray normed = norm.apply(hidden);
      return added(normed, normed, tap, sublayer);
    }
  },

  /** norm(x + f(x)). */
  AFTER {
    @Override
    NDArray run(NDArray hidden, Norm norm, InputTap tap, UnaryOperator<NDArray> sublayer) {
      return norm.apply(added(hidden, hidden, tap, sublayer));
    }
  };

  /**
   * Runs a sublayer.
   *
   * @param tap shown the stream before and after
   * @param sublayer makes a new array of what it is given
   * @return the new residual stream
   */
  abstract NDArray run(NDArray hidden, Norm norm, InputTap tap, UnaryOperator<NDArray> sublayer);

  private static NDArray added(
      NDArray stream, NDArray input, InputTap tap, UnaryOperator<NDArray> sublayer) {
    tap.before(stream);
    NDArray sum = sublayer.apply(input).addi(stream);
    tap.after(sum);
    return sum;
  }
}
