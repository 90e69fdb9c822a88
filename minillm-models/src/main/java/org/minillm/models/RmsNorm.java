package org.minillm.models;

import ai.djl.ndarray.NDArray;

/**
 * Root mean square layer normalisation (Zhang and Sennrich, arXiv 1910.07467).
 *
 * @param weight (channels)
 * @param epsilon one number, an array since the engine would make one of it for every call
 */
record RmsNorm(NDArray weight, NDArray epsilon) implements Norm {

  @Override
  public NDArray apply(NDArray input) {
    NDArray meanSquare = input.square().mean(new int[] {-1}, true);
    return input.div(meanSquare.addi(epsilon).sqrt()).mul(weight);
  }
}
