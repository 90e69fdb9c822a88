package org.minillm.models;

import ai.djl.ndarray.NDArray;

/** A normalisation of the last axis, its weights in memory. */
@FunctionalInterface
interface Norm {

  /** Normalises (…, channels). */
  NDArray apply(NDArray input);
}
