package org.minillm.benchmarks;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.concurrent.TimeUnit;
import org.minillm.criteria.Perturbation;
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

/**
 * W + epsilon z of a weight of 4096 x 2048, against a plain copy of it: 32 MiB of float32 a call.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class PerturbationBenchmark {

  /** The law of z. */
  @Param({"NORMAL", "SIGNS"})
  public Perturbation.Direction direction;

  private NDManager manager;
  private NDArray weight;

  /** Makes the weight. */
  @Setup(Level.Trial)
  public void create() {
    manager = NDManager.newBaseManager();
    weight = manager.randomNormal(new Shape(4096, 2048));
  }

  /** The copy that is compared with. */
  @Benchmark
  public void copy() {
    weight.duplicate().close();
  }

  /** The perturbed copy. */
  @Benchmark
  public void perturb() {
    new Perturbation(1, direction).perturbed("weight", weight, 1e-3, manager).close();
  }

  /** Frees the memory. */
  @TearDown(Level.Trial)
  public void free() {
    manager.close();
  }
}
