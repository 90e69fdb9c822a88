package org.minillm.core.architecture;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

/**
 * Changes weights on their way into a block, never in place: a perturbed or masked model is the
 * checkpoint and a transform.
 */
@FunctionalInterface
public interface WeightTransform {

  /** Changes nothing. */
  WeightTransform NONE = (tensor, weight, owner) -> weight;

  /**
   * Returns the weight to compute with.
   *
   * @param tensor its name in the checkpoint
   * @param weight FLOAT32, shared, not to be written to
   * @param owner where a new array hangs
   * @return {@code weight} itself, or a new array of the same shape on {@code owner}
   */
  NDArray apply(String tensor, NDArray weight, NDManager owner);
}
