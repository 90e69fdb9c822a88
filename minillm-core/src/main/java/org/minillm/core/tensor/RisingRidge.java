package org.minillm.core.tensor;

import java.util.Arrays;

/** What is added to a diagonal until the matrix is positive definite. */
final class RisingRidge {

  private static final double RISE = 10;

  /** Of the mean diagonal: above rounding in double, below what a fit would notice. */
  private static final double LEAST_RISE = 1e-10;

  private final double[] ridge;
  private double least;

  /** Begins with a ridge; {@code mean} is that of the diagonal. */
  RisingRidge(double[] ridge, double mean) {
    this.ridge = ridge.clone();
    // a matrix of zeros alone has the factor 1
    this.least = mean > 0 ? LEAST_RISE * mean : 1;
  }

  double[] present() {
    return ridge;
  }

  void rise() {
    if (least == Double.POSITIVE_INFINITY) {
      throw new NotFiniteException("the second moments of the activations have no finite factor");
    }
    Arrays.setAll(ridge, i -> Math.max(RISE * ridge[i], least));
    least *= RISE;
  }
}
