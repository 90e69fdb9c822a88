package org.minillm.models;

import ai.djl.ndarray.NDArray;

/** Layer normalisation (Ba et al., arXiv 1607.06450), one engine operation. */
record LayerNorm(NDArray weight, NDArray bias, double epsilon) implements Norm {

  @Override
  public NDArray apply(NDArray input) {
    return ai.djl.nn.norm.LayerNorm.layerNorm(
            input, weight.getShape(), weight, bias, (float) epsilon)
        .singletonOrThrow();
  }
}
