package org.minillm.core.architecture;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import org.jspecify.annotations.Nullable;
import org.minillm.core.tensor.ScoreTerms;

/**
 * One row of the table that describes a pruning group: unit {@code u} of the group owns the indices
 * {@code u * width .. (u + 1) * width - 1} of one axis of one tensor.
 *
 * @param tensor the tensor's name in the checkpoint; a matrix is (out, in), a bias is (out)
 * @param axis 0 where the tensor produces the units, 1 where it consumes them
 * @param width how many indices a unit owns
 * @param input the tap point whose activations the tensor multiplies (see {@link BlockTap}); null
 *     for a bias, which multiplies the constant 1
 */
public record TensorSlice(String tensor, int axis, int width, @Nullable String input) {

  // Checks the axis and the width.
  public TensorSlice {
    requireNonNull(tensor, "tensor");
    checkArgument(axis == 0 || axis == 1, "%s: axis %s, expected 0 or 1", tensor, axis);
    checkArgument(width > 0, "%s: width %s, expected at least 1", tensor, width);
    checkArgument(input != null || axis == 0, "%s: a bias can only produce units (axis 0)", tensor);
  }

  /**
   * Begins the terms of a score.
   *
   * @param weight the tensor, FLOAT32, (out, in), or (out) for a bias
   * @return |W_ij| over the weights that each unit owns
   */
  public ScoreTerms terms(NDArray weight) {
    requireNonNull(weight, "weight");
    checkArgument(
        weight.getShape().dimension() == (isBias() ? 1 : 2),
        "%s: shape %s, expected %s",
        tensor,
        weight.getShape(),
        isBias() ? "(out) of a bias" : "(out, in)");
    return ScoreTerms.of(tensor, weight, axis, width);
  }

  /**
   * Tells whether the tensor is a bias vector.
   *
   * @return true where the tensor has one axis only
   */
  public boolean isBias() {
    return input == null;
  }
}
