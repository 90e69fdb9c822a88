package org.minillm.core.calibration;

import java.nio.FloatBuffer;
import org.jspecify.annotations.Nullable;
import org.minillm.core.model.FloatView;

/**
 * Plain Java over views of the arrays' memory, in double, row after row: the reference that other
 * backends are tested against, and fast enough that reading the checkpoint takes longer.
 */
public final class JavaScoreBackend implements ScoreBackend {

  /** For {@link java.util.ServiceLoader}. */
  public JavaScoreBackend() {}

  @Override
  public String name() {
    return "java";
  }

  @Override
  public double[] reduce(ScoreTerms terms, Reduction reduction) {
    int width = terms.slice().width();
    Rows values = new Rows(terms);
    double[] units = new double[terms.units()];
    for (int row = 0; row < terms.rows(); row++) {
      double[] ofRow = values.row(row);
      if (terms.slice().axis() == 0) {
        int unit = row / width;
        units[unit] = fold(ofRow, 0, ofRow.length, units[unit], reduction);
      } else {
        for (int unit = 0; unit < units.length; unit++) {
          units[unit] = fold(ofRow, unit * width, (unit + 1) * width, units[unit], reduction);
        }
      }
    }
    return units;
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

  /** Computes |W g n| ^ exponent, one row at a time, into the same array. */
  private static final class Rows {

    private final FloatBuffer weight;
    private final @Nullable FloatBuffer gradient;
    private final double @Nullable [] norms;
    private final int exponent;
    private final float[] floats;
    private final double[] values;

    Rows(ScoreTerms terms) {
      weight = FloatView.of(terms.weight());
      gradient = terms.gradient() == null ? null : FloatView.of(terms.gradient());
      norms = terms.inputNorms();
      exponent = terms.exponent();
      floats = new float[terms.columns()];
      values = new double[terms.columns()];
    }

    double[] row(int row) {
      int columns = values.length;
      weight.get(row * columns, floats);
      for (int c = 0; c < columns; c++) {
        values[c] = floats[c];
      }
      if (gradient != null) {
        gradient.get(row * columns, floats);
        for (int c = 0; c < columns; c++) {
          values[c] *= floats[c];
        }
      }
      if (norms != null) {
        for (int c = 0; c < columns; c++) {
          values[c] *= norms[c];
        }
      }
      for (int c = 0; c < columns; c++) {
        values[c] = exponent == 1 ? Math.abs(values[c]) : values[c] * values[c];
      }
      return values;
    }
  }
}
