package org.minillm.benchmarks;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import org.minillm.criteria.Perturbation;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * W + epsilon z of a weight of 4096 x 2048, against a plain copy of it: 32 MiB of float32 a call.
 */
public class PerturbationBenchmark extends KernelBenchmark {

  /** The law of z. */
  @Param({"NORMAL", "SIGNS"})
  public Perturbation.Direction direction;

  private NDArray weight;

  /** Makes the weight. */
  @Setup(Level.Trial)
  public void create() {
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
    new Perturbation(1, direction).perturbed("weight", weight, 1e-3, kernels, manager).close();
  }
}
