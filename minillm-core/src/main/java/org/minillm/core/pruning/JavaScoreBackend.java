package org.minillm.core.pruning;

import static com.google.common.base.Preconditions.checkArgument;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import java.nio.FloatBuffer;
import org.jspecify.annotations.Nullable;
import org.minillm.core.model.FloatView;
import org.minillm.core.model.TensorSlice;

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
  public double[] reduce(
      TensorSlice slice,
      NDArray weight,
      @Nullable NDArray gradient,
      double @Nullable [] inputNorms,
      int exponent,
      Reduction reduction) {
    Shape shape = weight.getShape();
    check(slice, shape, gradient, inputNorms, exponent);
    Terms terms =
        new Terms(
            FloatView.of(weight),
            gradient == null ? null : FloatView.of(gradient),
            inputNorms,
            exponent,
            columns(shape));
    int rows = (int) shape.get(0);
    double[] units = new double[(int) shape.get(slice.axis()) / slice.width()];
    for (int row = 0; row < rows; row++) {
      double[] values = terms.row(row);
      if (slice.axis() == 0) {
        int unit = row / slice.width();
        units[unit] = fold(values, 0, values.length, units[unit], reduction);
      } else {
        for (int unit = 0; unit < units.length; unit++) {
          int first = unit * slice.width();
          units[unit] = fold(values, first, first + slice.width(), units[unit], reduction);
        }
      }
    }
    return units;
  }

  /** A bias is a matrix of one column, whose input is the constant 1. */
  private static int columns(Shape shape) {
    return shape.dimension() == 1 ? 1 : (int) shape.get(1);
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

  private static void check(
      TensorSlice slice,
      Shape shape,
      @Nullable NDArray gradient,
      double @Nullable [] inputNorms,
      int exponent) {
    String tensor = slice.tensor();
    checkArgument(
        shape.dimension() == (slice.isBias() ? 1 : 2),
        "%s: shape %s, expected %s",
        tensor,
        shape,
        slice.isBias() ? "(out) of a bias" : "(out, in)");
    checkArgument(
        shape.get(slice.axis()) % slice.width() == 0,
        "%s: shape %s, expected axis %s in whole units of width %s",
        tensor,
        shape,
        slice.axis(),
        slice.width());
    checkArgument(
        gradient == null || gradient.getShape().equals(shape),
        "%s: a gradient of another shape than the weight's %s",
        tensor,
        shape);
    checkArgument(
        inputNorms == null || inputNorms.length == columns(shape),
        "%s: the number of input norms is not that of the columns, shape %s",
        tensor,
        shape);
    checkArgument(exponent == 1 || exponent == 2, "exponent %s, expected 1 or 2", exponent);
  }

  /** Computes |W g n| ^ exponent, one row at a time, into the same array. */
  private static final class Terms {

    private final FloatBuffer weight;
    private final @Nullable FloatBuffer gradient;
    private final double @Nullable [] norms;
    private final int exponent;
    private final float[] floats;
    private final double[] values;

    Terms(
        FloatBuffer weight,
        @Nullable FloatBuffer gradient,
        double @Nullable [] norms,
        int exponent,
        int columns) {
      this.weight = weight;
      this.gradient = gradient;
      this.norms = norms;
      this.exponent = exponent;
      this.floats = new float[columns];
      this.values = new double[columns];
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
