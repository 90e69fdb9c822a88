package org.minillm.criteria;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.util.List;
import java.util.Optional;
import org.minillm.core.evidence.GradientEstimate;
import org.minillm.core.tensor.Kernels;
import org.minillm.core.tensor.NotFiniteException;
import org.minillm.core.tensor.RandomFill;

/**
 * The gradient by simultaneous perturbation: {@code g = (1/P) sum_k c_k z_k} over P probes, with
 * {@code c_k = [L(W + eps z_k) - L(W - eps z_k)] / (2 eps)}. It is kept as P pairs of a seed and a
 * coefficient; a tensor's g is made from them when asked for.
 *
 * @param probes at least one
 * @param direction the law of z
 * @param provenance how the probes were made, for the plan
 * @param forwardPasses what they cost, in passes over the calibration set
 * @param kernels make the gradients
 */
public record SpsaEstimate(
    ImmutableList<Probe> probes,
    Perturbation.Direction direction,
    ImmutableMap<String, String> provenance,
    long forwardPasses,
    Kernels kernels)
    implements GradientEstimate {

  // Checks that there is something to average.
  public SpsaEstimate {
    requireNonNull(probes, "probes");
    requireNonNull(direction, "direction");
    requireNonNull(provenance, "provenance");
    requireNonNull(kernels, "kernels");
    checkArgument(!probes.isEmpty(), "no probe, expected at least 1");
  }

  /**
   * One pair of forward passes.
   *
   * @param seed of the {@link Perturbation}
   * @param coefficient c, the slope of the loss along z
   */
  public record Probe(long seed, double coefficient) {

    // A loss that overflowed would make every score NaN.
    public Probe {
      if (!Double.isFinite(coefficient)) {
        throw new NotFiniteException(
            "probe of seed %s: slope %s, the loss overflowed; take a smaller eps"
                .formatted(seed, coefficient));
      }
    }
  }

  /**
   * {@inheritDoc}
   *
   * <p>Each element is accumulated in double, probe after probe in the order of the list, divided
   * by P and rounded to float32 once: the same bits for any number of threads.
   */
  @Override
  public Optional<NDArray> gradient(String tensor, Shape shape, NDManager owner) {
    Perturbation.requireOnePiece(shape);
    double[] coefficients = probes.stream().mapToDouble(Probe::coefficient).toArray();
    List<RandomFill> directions =
        probes.stream().map(probe -> new Perturbation(probe.seed(), direction).of(tensor)).toList();
    return Optional.of(kernels.mean(shape, coefficients, directions, owner));
  }
}
