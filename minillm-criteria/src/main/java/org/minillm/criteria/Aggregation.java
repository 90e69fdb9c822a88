package org.minillm.criteria;

import org.minillm.core.tensor.Reduction;

/** How the scores of all weights of a unit, over all slices of its group, become one. */
public enum Aggregation {
  /** Their sum. */
  SUM,

  /** Their sum divided by the number of weights of the unit. */
  MEAN,

  /** The largest of them. */
  MAX;

  /** How the kernels are to reduce the weights of one slice. */
  Reduction reduction() {
    return this == MAX ? Reduction.MAX : Reduction.SUM;
  }
}
