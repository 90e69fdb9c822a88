package org.minillm.benchmarks;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import org.minillm.core.tensor.Factor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/** The solver of the restoration, in double: n kept channels, 576 outputs. */
public class CholeskyBenchmark extends KernelBenchmark {

  private static final int OUTPUTS = 576;

  /** Channels. */
  @Param({"768", "1536"})
  public int n;

  private NDArray matrix;
  private NDArray right;
  private double[] ridge;

  /** Makes a system. */
  @Setup(Level.Trial)
  public void create() {
    NDArray x = manager.randomNormal(new Shape(2L * n, n)).toType(DataType.FLOAT64, false);
    matrix = x.transpose().matMul(x);
    right = manager.randomNormal(new Shape(n, OUTPUTS)).toType(DataType.FLOAT64, false);
    ridge = new double[n];
    Arrays.fill(ridge, 1);
  }

  /** Factors the matrix. */
  @Benchmark
  public void factor() {
    kernels.ridged(matrix, ridge).close();
  }

  /** Factors it and solves for all outputs. */
  @Benchmark
  public void factorAndSolve() {
    try (Factor factor = kernels.ridged(matrix, ridge)) {
      factor.solve(right).close();
    }
  }

  /** The product that gives such a matrix from as many tokens as it has columns, in float32. */
  @Benchmark
  public void momentsOfAsManyTokens() {
    try (NDArray x = manager.ones(new Shape(n, n));
        NDArray transposed = x.transpose()) {
      transposed.matMul(x).close();
    }
  }
}
