package org.minillm.models;

import ai.djl.ndarray.NDArray;
import org.jspecify.annotations.Nullable;

/** A linear layer: weight (out, in), optional bias (out). */
record Linear(NDArray weight, @Nullable NDArray bias) {

  NDArray apply(NDArray input) {
    return (bias == null
            ? ai.djl.nn.core.Linear.linear(input, weight)
            : ai.djl.nn.core.Linear.linear(input, weight, bias))
        .singletonOrThrow();
  }
}
