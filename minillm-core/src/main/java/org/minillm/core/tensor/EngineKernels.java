package org.minillm.core.tensor;

import static com.google.common.base.Preconditions.checkArgument;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.List;
import java.util.Optional;

/**
 * The default: matrix products on the engine, all else in Java over the memory of the arrays, which
 * is faster there than the engine's operations are. Its results are the same to the bit for any
 * number of Java's threads.
 */
public final class EngineKernels implements Kernels {

  /** For {@link java.util.ServiceLoader}. */
  public EngineKernels() {}

  /** The name that plans record. */
  @Override
  public String name() {
    return "java";
  }

  @Override
  public SecondMoments secondMoments(long rows, long columns, NDManager owner) {
    return new EngineMoments(rows, columns, owner);
  }

  @Override
  public void accumulate(ChannelStatistics statistics, NDArray rows) {
    statistics.accumulate(rows);
  }

  @Override
  public Optional<Factor> factor(NDArray matrix, double[] ridge) {
    return Cholesky.of(matrix, ridge);
  }

  @Override
  public double[] reduce(ScoreTerms terms, Reduction reduction) {
    return ScoreReduction.reduce(terms, reduction);
  }

  @Override
  public NDArray mean(
      Shape shape, double[] coefficients, List<RandomFill> directions, NDManager owner) {
    checkArgument(
        !directions.isEmpty() && directions.size() == coefficients.length,
        "%s directions, %s coefficients, expected as many, at least one",
        directions.size(),
        coefficients.length);
    return RandomDirections.mean(shape, coefficients, directions, owner);
  }

  @Override
  public NDArray perturbed(NDArray weight, RandomFill direction, double scale, NDManager owner) {
    return RandomDirections.perturbed(weight, direction, scale, owner);
  }

  @Override
  public void mirror(NDArray copy, NDArray weight) {
    RandomDirections.mirror(copy, weight);
  }
}
