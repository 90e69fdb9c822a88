package org.minillm.benchmarks;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.minillm.core.linalg.Cholesky;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** The solver of the restoration, in double: n kept channels, 576 outputs. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class CholeskyBenchmark {

  private static final int OUTPUTS = 576;

  /** Channels. */
  @Param({"768", "1536"})
  public int n;

  private NDManager manager;
  private NDArray matrix;
  private NDArray right;
  private double[] ridge;

  /** Makes a system. */
  @Setup(Level.Trial)
  public void create() {
    manager = NDManager.newBaseManager();
    NDArray x = manager.randomNormal(new Shape(2L * n, n)).toType(DataType.FLOAT64, false);
    matrix = x.transpose().matMul(x);
    right = manager.randomNormal(new Shape(n, OUTPUTS)).toType(DataType.FLOAT64, false);
    ridge = new double[n];
    Arrays.fill(ridge, 1);
  }

  /** Factors the matrix. */
  @Benchmark
  public void factor() {
    Cholesky.ofRidged(matrix, ridge).close();
  }

  /** Factors it and solves for all outputs. */
  @Benchmark
  public void factorAndSolve() {
    try (Cholesky factor = Cholesky.ofRidged(matrix, ridge)) {
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

  /** Frees the memory. */
  @TearDown(Level.Trial)
  public void free() {
    manager.close();
  }
}
