package org.minillm.core.calibration;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import org.jspecify.annotations.Nullable;
import org.minillm.core.model.TensorSlice;

/**
 * The terms {@code |W_ij * g_ij * n_j| ^ exponent} of one tensor, of which a score is made. What is
 * absent stands for 1 everywhere.
 *
 * @param slice which indices a unit owns
 * @param weight W, FLOAT32, (out, in) or (out) for a bias; not owned
 * @param gradient g, FLOAT32, of W's shape, or null; not owned
 * @param inputNorms n, one an input column (one in all for a bias), or null
 * @param exponent 1 or 2
 */
public record ScoreTerms(
    TensorSlice slice,
    NDArray weight,
    @Nullable NDArray gradient,
    double @Nullable [] inputNorms,
    int exponent) {

  // Checks that the parts fit each other.
  public ScoreTerms {
    requireNonNull(slice, "slice");
    requireNonNull(weight, "weight");
    String tensor = slice.tensor();
    Shape shape = weight.getShape();
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

  /**
   * Counts the rows.
   *
   * @return the tensor's outputs
   */
  public int rows() {
    return Math.toIntExact(weight.getShape().get(0));
  }

  /**
   * Counts the columns.
   *
   * @return the tensor's inputs; a bias is a matrix of one column, whose input is the constant 1
   */
  public int columns() {
    return columns(weight.getShape());
  }

  /**
   * Counts the units.
   *
   * @return how many units own the tensor
   */
  public int units() {
    return (slice.axis() == 0 ? rows() : columns()) / slice.width();
  }

  private static int columns(Shape shape) {
    return shape.dimension() == 1 ? 1 : Math.toIntExact(shape.get(1));
  }
}
