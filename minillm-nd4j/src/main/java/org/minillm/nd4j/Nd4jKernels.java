package org.minillm.nd4j;

import static com.google.common.base.Preconditions.checkArgument;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.annotations.VisibleForTesting;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Optional;
import org.minillm.core.tensor.ChannelStatistics;
import org.minillm.core.tensor.Factor;
import org.minillm.core.tensor.HostMemory;
import org.minillm.core.tensor.Kernels;
import org.minillm.core.tensor.RandomFill;
import org.minillm.core.tensor.Reduction;
import org.minillm.core.tensor.ScoreTerms;
import org.minillm.core.tensor.SecondMoments;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Kernels on ND4J: on the CPU with {@code nd4j-native}, on a CUDA device with {@code
 * nd4j-cuda-11.6} on the class path instead. They differ from the default ones by the order in
 * which sums are taken: second moments, whose products are in float32, by some 1e-7 of them, all
 * else by some 1e-15.
 *
 * <p>Numbers are copied into ND4J's memory and back, and freed there before a call returns: for
 * scores and directions a run of 8 MiB arrays, for second moments and factors two matrices more
 * than by the default, and their copy in Java's heap.
 */
public final class Nd4jKernels implements Kernels {

  /** Elements in a run; a single row, or unit of rows, may be longer. */
  private static final int RUN = 1 << 20;

  // JavaCPP counts the memory of the whole process, the model's too, and would refuse to go on
  static {
    System.setProperty("org.bytedeco.javacpp.maxbytes", "0");
    System.setProperty("org.bytedeco.javacpp.maxphysicalbytes", "0");
  }

  private final int run;

  /** For {@link java.util.ServiceLoader}. */
  public Nd4jKernels() {
    this(RUN);
  }

  @VisibleForTesting
  Nd4jKernels(int run) {
    this.run = run;
  }

  @Override
  public String name() {
    return "nd4j";
  }

  @Override
  public SecondMoments secondMoments(long rows, long columns, NDManager owner) {
    return new Nd4jMoments(rows, columns, owner);
  }

  @Override
  public void accumulate(ChannelStatistics statistics, NDArray rows) {
    int channels = statistics.channels();
    checkArgument(
        rows.getShape().dimension() > 0 && rows.getShape().getLastDimension() == channels,
        "activations %s, expected (..., %s)",
        rows.getShape(),
        channels);
    FloatBuffer numbers = HostMemory.floats(rows);
    long count = rows.size() / channels;
    long together = Math.max(1, run / channels);
    for (long from = 0; from < count; from += together) {
      long to = Math.min(count, from + together);
      try (INDArray values = Transfer.widened(numbers, from, to, channels)) {
        statistics.merge(statistics(values));
      }
    }
  }

  /** Mean and squared deviations from it, in two passes. */
  private static ChannelStatistics statistics(INDArray values) {
    try (INDArray mean = values.mean(0);
        INDArray deviations = values.subRowVector(mean);
        INDArray squares = deviations.muli(deviations).sum(0)) {
      return ChannelStatistics.of(values.rows(), mean.toDoubleVector(), squares.toDoubleVector());
    }
  }

  @Override
  public Optional<Factor> factor(NDArray matrix, double[] ridge) {
    return Nd4jCholesky.of(matrix, ridge);
  }

  @Override
  public double[] reduce(ScoreTerms terms, Reduction reduction) {
    return new ScoreReduction(run).reduce(terms, reduction);
  }

  @Override
  public NDArray mean(
      Shape shape, double[] coefficients, List<RandomFill> directions, NDManager owner) {
    return new RandomDirections(run).mean(shape, coefficients, directions, owner);
  }

  @Override
  public NDArray perturbed(NDArray weight, RandomFill direction, double scale, NDManager owner) {
    return new RandomDirections(run).perturbed(weight, direction, scale, owner);
  }

  @Override
  public void mirror(NDArray copy, NDArray weight) {
    new RandomDirections(run).mirror(copy, weight);
  }
}
