package org.minillm.core.tensor;

/** How the terms of a unit become one number. */
public enum Reduction {
  /** Their sum. */
  SUM,
  /** The largest of them. */
  MAX
}
