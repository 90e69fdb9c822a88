package org.minillm.models;

import ai.djl.ndarray.NDArray;
import java.io.IOException;
import java.util.function.BiFunction;

/** Where the norm of a sublayer (attention or MLP) stands, and what the sublayer is added to. */
public enum NormPlacement {
  /** x + f(norm(x)). */
  BEFORE {
    @Override
    NDArray run(NDArray hidden, Norm norm, SublayerInputs inputs, boolean last, Sublayer sublayer)
        throws IOException {
      return added(hidden, norm.apply(hidden), inputs, last, sublayer);
    }
  },

  /** n + f(n) with n = norm(x). */
  BEFORE_AND_ADDED {
    @Override
    NDArray run(NDArray hidden, Norm norm, SublayerInputs inputs, boolean last, Sublayer sublayer)
        throws IOException {
      NDArray normed = norm.apply(hidden);
      return added(normed, normed, inputs, last, sublayer);
    }
  },

  /** norm(x + f(x)). */
  AFTER {
    @Override
    NDArray run(NDArray hidden, Norm norm, SublayerInputs inputs, boolean last, Sublayer sublayer)
        throws IOException {
      return norm.apply(added(hidden, hidden, inputs, false, sublayer));
    }
  };

  /** Makes a new array of what it is given; asks the inputs for what its linear layers read. */
  interface Sublayer extends BiFunction<NDArray, SublayerInputs, NDArray> {}

  /**
   * Runs a sublayer.
   *
   * @param inputs told when it is done
   * @param last whether it is the last of its layer
   * @return the new residual stream
   */
  abstract NDArray run(
      NDArray hidden, Norm norm, SublayerInputs inputs, boolean last, Sublayer sublayer)
      throws IOException;

  private static NDArray added(
      NDArray stream, NDArray input, SublayerInputs inputs, boolean last, Sublayer sublayer)
      throws IOException {
    NDArray sum = sublayer.apply(input, inputs).addi(stream);
    inputs.done(stream, sum, last);
    return sum;
  }
}
