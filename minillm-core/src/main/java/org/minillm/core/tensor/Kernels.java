package org.minillm.core.tensor;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.List;
import java.util.Optional;
import org.minillm.core.plugin.Plugin;

/**
 * What is heavy in numbers beside the forward pass: sums over tokens, and what is solved, reduced
 * and drawn. A criterion, a restoration or an estimator computes by those of its model, {@code
 * model.compute().kernels()}. Arrays that are handed in and out are the engine's, whatever computes
 * inside; sums are in double. Another implementation may add in another order. Stateless.
 */
public interface Kernels extends Plugin {

  /**
   * Begins a sum of second moments.
   *
   * @param rows columns of A
   * @param columns columns of B
   * @param owner where the sum hangs at the latest when it is asked for
   * @return A^T B of no token
   */
  SecondMoments secondMoments(long rows, long columns, NDManager owner);

  /**
   * Adds a batch of activations to the statistics of their channels.
   *
   * @param statistics of as many channels
   * @param rows FLOAT32, (…, channels); read only
   */
  void accumulate(ChannelStatistics statistics, NDArray rows);

  /**
   * Factors A + diag(ridge).
   *
   * @param matrix A, FLOAT64, (n, n), symmetric; left as it is
   * @param ridge n numbers
   * @return the factor, to be closed; empty where the matrix is not positive definite, within
   *     rounding, or holds a number that is not finite
   */
  Optional<Factor> factor(NDArray matrix, double[] ridge);

  /**
   * Factors A + diag(ridge). Where that is not positive definite for rounding (dead channels, fewer
   * tokens than channels), the ridge rises tenfold, and at least by a part of the mean diagonal,
   * until it is.
   *
   * @param matrix A, FLOAT64, (n, n), symmetric and positive semidefinite; left as it is
   * @param ridge n numbers, none negative
   * @return the factor, to be closed
   * @throws NotFiniteException if the matrix holds a number that is not finite
   */
  default Factor ridged(NDArray matrix, double[] ridge) {
    requireNonNull(matrix, "matrix");
    requireNonNull(ridge, "ridge");
    double mean = matrix.diagonal().mean().getDouble();
    if (!Double.isFinite(mean)) {
      throw new NotFiniteException("the second moments of the activations are not finite");
    }
    RisingRidge rising = new RisingRidge(ridge, mean);
    while (true) {
      Optional<Factor> factor = factor(matrix, rising.present());
      if (factor.isPresent()) {
        return factor.get();
      }
      rising.rise();
    }
  }

  /**
   * Reduces terms over the weights that each unit owns.
   *
   * @param terms of one tensor
   * @param reduction sum or maximum, accumulated in double
   * @return one number a unit; NaN where a term is
   */
  double[] reduce(ScoreTerms terms, Reduction reduction);

  /**
   * Computes the mean of random directions times their coefficients, float32(sum_k c_k z_k / K):
   * each element in double, direction after direction, rounded once.
   *
   * @param shape of each direction
   * @param coefficients c
   * @param directions z, K of them, at least one
   * @param owner where the result hangs
   * @return FLOAT32, a new array of that shape
   */
  NDArray mean(Shape shape, double[] coefficients, List<RandomFill> directions, NDManager owner);

  /**
   * Makes a perturbed copy of a weight, float32(weight + scale z), computed in double.
   *
   * @param weight FLOAT32; read only
   * @param direction z, in float32
   * @param scale its factor
   * @param owner where the result hangs
   * @return FLOAT32, a new array of the weight's shape
   */
  NDArray perturbed(NDArray weight, RandomFill direction, double scale, NDManager owner);

  /**
   * Turns a perturbed copy into that of the opposite direction: float32(2 weight - copy), in double
   * and in place. The step back is as long as the step that the copy is, rounding included.
   *
   * @param copy FLOAT32, of {@link #perturbed}; overwritten
   * @param weight FLOAT32, the weight that it was made of
   */
  void mirror(NDArray copy, NDArray weight);
}
