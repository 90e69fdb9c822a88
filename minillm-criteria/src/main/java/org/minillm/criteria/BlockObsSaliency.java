package org.minillm.criteria;

import static com.google.common.base.Preconditions.checkArgument;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import java.util.function.IntPredicate;
import org.minillm.core.tensor.Factor;
import org.minillm.core.tensor.Kernels;

/**
 * What removing a unit of several channels S costs when the others are re-fitted: {@code tr(W_S
 * (G_SS)^-1 W_S^T)}, G the inverse of the damped second moments (Hassibi and Stork 1993 for several
 * weights; ZipLM, arXiv 2302.04089). With one channel it is {@code ||W_:j||^2 / G_jj}.
 */
final class BlockObsSaliency {

  private BlockObsSaliency() {}

  /**
   * Counts the costs.
   *
   * @param weight W, FLOAT32, (out, n)
   * @param inverse G, FLOAT64, (n, n)
   * @param width channels of a unit
   * @param gone units removed before: of them G is zero within rounding, which has no inverse
   * @param kernels solve
   * @return a number for each unit; 0 for those gone
   */
  static double[] of(
      NDArray weight, NDArray inverse, int width, IntPredicate gone, Kernels kernels) {
    int channels = Math.toIntExact(inverse.getShape().get(0));
    checkArgument(channels % width == 0, "%s channels in units of %s", channels, width);
    double[] errors = new double[channels / width];
    for (int unit = 0; unit < errors.length; unit++) {
      if (!gone.test(unit)) {
        errors[unit] = error(weight, inverse, unit * width, (unit + 1) * width, kernels);
      }
    }
    return errors;
  }

  private static double error(NDArray weight, NDArray inverse, int from, int to, Kernels kernels) {
    // the scope frees a unit's copies before the next unit's
    try (NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDArray block =
          inverse.get(new NDIndex().addSliceDim(from, to).addSliceDim(from, to)).duplicate();
      NDArray columns =
          weight
              .get(new NDIndex().addAllDim().addSliceDim(from, to))
              .transpose()
              .toType(DataType.FLOAT64, true); // W_S^T
      try (Factor factor = kernels.ridged(block, new double[to - from])) {
        return factor.solve(columns).mul(columns).sum().getDouble();
      }
    }
  }
}
