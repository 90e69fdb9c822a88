package org.minillm.core.tensor;

import java.nio.FloatBuffer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Sums and maxima of terms in Java, in double, row after row, ranges of units side by side. */
final class ScoreReduction {

  /** Ranges of units that threads take; more than there are threads, so that none waits long. */
  private static final int TASKS = 16;

  private ScoreReduction() {}

  static double[] reduce(ScoreTerms terms, Reduction reduction) {
    double[] units = new double[terms.units()];
    int range = (units.length + TASKS - 1) / TASKS;
    // a unit's terms are summed by one thread, in their order
    IntStream.rangeClosed(0, (units.length - 1) / range)
        .map(number -> number * range)
        .parallel()
        .forEach(
            from -> reduce(terms, reduction, units, from, Math.min(units.length, from + range)));
    return units;
  }

  private static void reduce(
      ScoreTerms terms, Reduction reduction, double[] units, int from, int to) {
    int width = terms.width();
    if (terms.axis() == 0) {
      Rows values = new Rows(terms, 0, terms.columns());
      for (int row = from * width; row < to * width; row++) {
        double[] ofRow = values.row(row);
        units[row / width] = fold(ofRow, 0, ofRow.length, units[row / width], reduction);
      }
    } else {
      Rows values = new Rows(terms, from * width, to * width);
      for (int row = 0; row < terms.rows(); row++) {
        double[] ofRow = values.row(row);
        for (int unit = from; unit < to; unit++) {
          int first = (unit - from) * width;
          units[unit] = fold(ofRow, first, first + width, units[unit], reduction);
        }
      }
    }
  }

  private static double fold(double[] values, int from, int to, double start, Reduction reduction) {
    double result = start;
    if (reduction == Reduction.SUM) {
      for (int i = from; i < to; i++) {
        result += values[i];
      }
    } else {
      for (int i = from; i < to; i++) {
        result = Math.max(result, values[i]);
      }
    }
    return result;
  }

  /** Computes |W g n| ^ exponent of some columns, one row at a time, into the same array. */
  private static final class Rows {

    private final FloatBuffer weight;
    private final @Nullable FloatBuffer gradient;
    private final double @Nullable [] norms;
    private final int exponent;
    private final int columns;
    private final int from;
    private final float[] floats;
    private final double[] values;

    Rows(ScoreTerms terms, int from, int to) {
      weight = HostMemory.floats(terms.weight());
      gradient = terms.gradient() == null ? null : HostMemory.floats(terms.gradient());
      norms = terms.inputNorms();
      exponent = terms.exponent();
      columns = terms.columns();
      this.from = from;
      floats = new float[to - from];
      values = new double[to - from];
    }

    double[] row(int row) {
      int length = values.length;
      weight.get(row * columns + from, floats);
      for (int c = 0; c < length; c++) {
        values[c] = floats[c];
      }
      if (gradient != null) {
        gradient.get(row * columns + from, floats);
        for (int c = 0; c < length; c++) {
          values[c] *= floats[c];
        }
      }
      if (norms != null) {
        for (int c = 0; c < length; c++) {
          values[c] *= norms[from + c];
        }
      }
      for (int c = 0; c < length; c++) {
        values[c] = exponent == 1 ? Math.abs(values[c]) : values[c] * values[c];
      }
      return values;
    }
  }
}
