package org.minillm.cli;

import java.nio.FloatBuffer;

/** The cosine of the angle between two long vectors, a part at a time, in double. */
final class Cosine {

  private double product;
  private double squares;
  private double otherSquares;

  /** Adds a part of both, of one length. */
  void add(FloatBuffer part, FloatBuffer other) {
    for (int i = 0; i < part.remaining(); i++) {
      add(part.get(i), other.get(i));
    }
  }

  /** Adds an element of both. */
  void add(double element, double other) {
    product += element * other;
    squares += element * element;
    otherSquares += other * other;
  }

  /** Adds parts that were added to another one. */
  void add(Cosine parts) {
    product += parts.product;
    squares += parts.squares;
    otherSquares += parts.otherSquares;
  }

  /** Between -1 and 1; NaN where one of them is zero. */
  double value() {
    return product / Math.sqrt(squares * otherSquares);
  }
}
