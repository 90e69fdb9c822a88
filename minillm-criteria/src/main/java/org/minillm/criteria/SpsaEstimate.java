package org.minillm.criteria;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.nio.FloatBuffer;
import java.util.Optional;
import org.minillm.core.calibration.GradientEstimate;
import org.minillm.core.linalg.NotFiniteException;
import org.minillm.core.random.CounterRng;

/**
 * The gradient by simultaneous perturbation: {@code g = (1/P) sum_k c_k z_k} over P probes, with
 * {@code c_k = [L(W + eps z_k) - L(W - eps z_k)] / (2 eps)}. It is kept as P pairs of a seed and a
 * coefficient; a tensor's g is made from them when asked for.
 *
 * @param probes at least one
 * @param direction the law of z
 * @param provenance how the probes were made, for the plan
 * @param forwardPasses what they cost, in passes over the calibration set
 */
public record SpsaEstimate(
    ImmutableList<Probe> probes,
    Perturbation.Direction direction,
    ImmutableMap<String, String> provenance,
    long forwardPasses)
    implements GradientEstimate {

  // Checks that there is something to average.
  public SpsaEstimate {
    requireNonNull(probes, "probes");
    requireNonNull(direction, "direction");
    requireNonNull(provenance, "provenance");
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
    long stream = CounterRng.stream(tensor);
    return Optional.of(
        Perturbation.newArray(shape, owner, (range, first) -> average(range, stream, first)));
  }

  /** The range holds each z in turn, then the result. */
  private void average(FloatBuffer range, long stream, int first) {
    double[] sums = new double[range.remaining()];
    for (Probe probe : probes) {
      direction.fill(range, probe.seed(), stream, first);
      for (int i = 0; i < sums.length; i++) {
        sums[i] += probe.coefficient() * range.get(i);
      }
    }
    for (int i = 0; i < sums.length; i++) {
      range.put(i, (float) (sums[i] / probes.size()));
    }
  }
}
