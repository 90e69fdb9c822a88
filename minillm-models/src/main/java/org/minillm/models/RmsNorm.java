package org.minillm.models;

import ai.djl.ndarray.NDArray;

/** Root mean square layer normalisation (Zhang and Sennrich, arXiv 1910.07467). */
record RmsNorm(NDArray weight, double epsilon) implements Norm {

  @Override
  public NDArray apply(NDArray input) {
    NDArray meanSquare = input.square().mean(new int[] {-1}, true);
    return input.div(meanSquare.add(epsilon).sqrt()).mul(weight);
  }
}
