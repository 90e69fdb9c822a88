package org.minillm.benchmarks;

import ai.djl.ndarray.NDManager;
import java.util.concurrent.TimeUnit;
import org.minillm.core.tensor.Compute;
import org.minillm.core.tensor.Kernels;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** How every kernel is measured, and the owner of its arrays. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public abstract class KernelBenchmark {

  /** What is measured. */
  protected final Kernels kernels = Compute.cpu().kernels();

  /** Where all arrays hang. */
  protected final NDManager manager = Compute.cpu().newManager();

  /** Frees the memory. */
  @TearDown(Level.Trial)
  public void free() {
    manager.close();
  }
}
