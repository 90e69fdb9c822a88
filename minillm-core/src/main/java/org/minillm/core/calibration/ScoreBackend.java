package org.minillm.core.calibration;

import org.minillm.core.plugin.Plugin;

/** Where the array arithmetic of criteria runs. */
public interface ScoreBackend extends Plugin {

  /** How the terms of a unit become one number. */
  enum Reduction {
    /** Their sum. */
    SUM,
    /** The largest of them. */
    MAX
  }

  /**
   * Reduces the terms over the weights that each unit owns.
   *
   * @param terms of one tensor
   * @param reduction sum or maximum, accumulated in double
   * @return one number a unit; NaN where a term is
   */
  double[] reduce(ScoreTerms terms, Reduction reduction);
}
