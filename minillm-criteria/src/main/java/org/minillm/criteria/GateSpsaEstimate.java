package org.minillm.criteria;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableListMultimap;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableDoubleArray;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.evidence.GateGradient;
import org.minillm.core.evidence.GradientEstimate;
import org.minillm.core.tensor.NotFiniteException;

/**
 * Gradients of gates by simultaneous perturbation, kept as a seed and a slope a window for each
 * pair of passes; those of a group are made from them when asked for.
 *
 * @param pairs at least two of each kind of group that was perturbed
 * @param provenance how they were measured, for the plan
 * @param forwardPasses what they cost
 */
record GateSpsaEstimate(
    ImmutableListMultimap<GroupKind, Pair> pairs,
    ImmutableMap<String, String> provenance,
    long forwardPasses)
    implements GradientEstimate {

  /**
   * One pair of forward passes.
   *
   * @param seed of z
   * @param slopes the slope of each window's loss along its z
   */
  record Pair(long seed, ImmutableDoubleArray slopes) {

    // A loss that overflowed would make every score NaN.
    Pair {
      for (int window = 0; window < slopes.length(); window++) {
        if (!Double.isFinite(slopes.get(window))) {
          throw new NotFiniteException(
              "calibration window %s: slope %s, the loss overflowed; take a smaller epsilon"
                  .formatted(window, slopes.get(window)));
        }
      }
    }
  }

  /** Gates only. */
  @Override
  public Optional<NDArray> gradient(String tensor, Shape shape, NDManager owner) {
    throw new IllegalStateException("gates estimates no gradient of " + tensor);
  }

  @Override
  public Optional<GateGradient> gates(PruningGroup group) {
    List<Pair> measured = pairs.get(group.id().kind());
    if (measured.isEmpty()) {
      return Optional.empty();
    }
    int windows = measured.get(0).slopes.length();
    double[] mean = new double[group.units()];
    double[] meanSquare = new double[group.units()];
    double[] sums = new double[group.units()];
    double ordered = (double) measured.size() * (measured.size() - 1);
    for (int window = 0; window < windows; window++) {
      double squares = addSlopes(measured, window, group, sums);
      for (int unit = 0; unit < sums.length; unit++) {
        mean[unit] += sums[unit] / measured.size() / windows;
        meanSquare[unit] += (sums[unit] * sums[unit] - squares) / ordered / windows;
      }
    }
    return Optional.of(
        new GateGradient(
            ImmutableDoubleArray.copyOf(mean), ImmutableDoubleArray.copyOf(meanSquare)));
  }

  /**
   * Sums slope times z over the pairs, for one window.
   *
   * @param sums receives the sums, one a unit
   * @return the sum of the squares, the same for all units, since z is a sign
   */
  private static double addSlopes(
      List<Pair> measured, int window, PruningGroup group, double[] sums) {
    FloatBuffer z = FloatBuffer.allocate(sums.length);
    double squares = 0;
    Arrays.fill(sums, 0);
    for (Pair pair : measured) {
      double slope = pair.slopes.get(window);
      GateNoise.fillSigns(z, pair.seed, group, window);
      for (int unit = 0; unit < sums.length; unit++) {
        sums[unit] += slope * z.get(unit);
      }
      squares += slope * slope;
    }
    return squares;
  }
}
