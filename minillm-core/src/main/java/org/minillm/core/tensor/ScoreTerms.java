package org.minillm.core.tensor;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import org.jspecify.annotations.Nullable;

/**
 * The terms {@code |W_ij * g_ij * n_j| ^ exponent} of one tensor, of which a score is made. What is
 * not given stands for 1 everywhere. Immutable; does not own its arrays.
 */
public final class ScoreTerms {

  private final String tensor;
  private final NDArray weight;
  private final int axis;
  private final int width;
  private final @Nullable NDArray gradient;
  private final double @Nullable [] inputNorms;
  private final int exponent;

  private ScoreTerms(
      String tensor,
      NDArray weight,
      int axis,
      int width,
      @Nullable NDArray gradient,
      double @Nullable [] inputNorms,
      int exponent) {
    this.tensor = tensor;
    this.weight = weight;
    this.axis = axis;
    this.width = width;
    this.gradient = gradient;
    this.inputNorms = inputNorms;
    this.exponent = exponent;
  }

  /**
   * Begins with |W_ij|.
   *
   * @param tensor its name, for messages
   * @param weight W, FLOAT32, (out, in) or (out) for a bias
   * @param axis of the indices that a unit owns, 0 or 1
   * @param width how many of them
   * @return the terms, with exponent 1
   */
  public static ScoreTerms of(String tensor, NDArray weight, int axis, int width) {
    requireNonNull(tensor, "tensor");
    requireNonNull(weight, "weight");
    Shape shape = weight.getShape();
    checkArgument(
        shape.dimension() == 2 || shape.dimension() == 1 && axis == 0,
        "%s: shape %s, expected (out, in), or (out) of a bias",
        tensor,
        shape);
    checkArgument(
        shape.get(axis) % width == 0,
        "%s: shape %s, expected axis %s in whole units of width %s",
        tensor,
        shape,
        axis,
        width);
    return new ScoreTerms(tensor, weight, axis, width, null, null, 1);
  }

  /**
   * Multiplies by a gradient.
   *
   * @param chosen g, FLOAT32, of W's shape; null for 1 everywhere
   * @return other terms
   */
  public ScoreTerms gradient(@Nullable NDArray chosen) {
    checkArgument(
        chosen == null || chosen.getShape().equals(weight.getShape()),
        "%s: a gradient of another shape than the weight's %s",
        tensor,
        weight.getShape());
    return new ScoreTerms(tensor, weight, axis, width, chosen, inputNorms, exponent);
  }

  /**
   * Multiplies by norms of the inputs.
   *
   * @param chosen n, one an input column (one in all for a bias); null for 1 everywhere
   * @return other terms
   */
  public ScoreTerms inputNorms(double @Nullable [] chosen) {
    checkArgument(
        chosen == null || chosen.length == columns(),
        "%s: the number of input norms is not that of the columns, shape %s",
        tensor,
        weight.getShape());
    return new ScoreTerms(tensor, weight, axis, width, gradient, chosen, exponent);
  }

  /**
   * Chooses the exponent.
   *
   * @param chosen 1 or 2
   * @return other terms
   */
  public ScoreTerms exponent(int chosen) {
    checkArgument(chosen == 1 || chosen == 2, "exponent %s, expected 1 or 2", chosen);
    return new ScoreTerms(tensor, weight, axis, width, gradient, inputNorms, chosen);
  }

  /**
   * Returns W.
   *
   * @return FLOAT32, (out, in) or (out)
   */
  public NDArray weight() {
    return weight;
  }

  /**
   * Returns g.
   *
   * @return FLOAT32, of W's shape; null for 1 everywhere
   */
  public @Nullable NDArray gradient() {
    return gradient;
  }

  /**
   * Returns n.
   *
   * @return one an input column; null for 1 everywhere
   */
  public double @Nullable [] inputNorms() {
    return inputNorms;
  }

  /**
   * Returns the exponent.
   *
   * @return 1 or 2
   */
  public int exponent() {
    return exponent;
  }

  /**
   * Tells which indices a unit owns.
   *
   * @return 0 for rows, 1 for columns
   */
  public int axis() {
    return axis;
  }

  /**
   * Tells how many indices a unit owns.
   *
   * @return at least 1
   */
  public int width() {
    return width;
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
    Shape shape = weight.getShape();
    return shape.dimension() == 1 ? 1 : Math.toIntExact(shape.get(1));
  }

  /**
   * Counts the units.
   *
   * @return how many units own the tensor
   */
  public int units() {
    return (axis == 0 ? rows() : columns()) / width;
  }
}
