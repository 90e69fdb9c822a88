package org.minillm.criteria;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import java.io.IOException;
import java.util.Arrays;
import java.util.Comparator;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.minillm.core.tensor.Factor;
import org.minillm.core.tensor.Kernels;

/**
 * Optimal brain surgeon in rounds: the units that cost least go, those that stay are re-fitted, and
 * what the next cost is counted anew. With G the inverse of the damped second moments and B the
 * channels that go, {@code G - G_:B (G_BB)^-1 G_B:} and {@code W - W_:B (G_BB)^-1 G_B:} are those
 * of the channels that stay (Hassibi and Stork 1993; in rounds as in ZipLM, arXiv 2302.04089).
 */
final class IterativeObs implements AutoCloseable {

  private final NDManager owner;
  private final int width;
  private final Kernels kernels;
  private final NDArray inverse;
  private NDArray weight;

  /** Costs of all units, given their weights, G and which are gone; of those they do not matter. */
  @FunctionalInterface
  interface Costs {
    double[] of(NDArray weight, NDArray inverse, IntPredicate gone) throws IOException;
  }

  /**
   * Begins with nothing removed.
   *
   * @param inverse G, FLOAT64, (n, n); changed by the rounds
   * @param weight FLOAT32, (out, n); left as it is
   * @param width channels of a unit
   * @param kernels solve for the channels that go
   */
  IterativeObs(NDArray inverse, NDArray weight, int width, Kernels kernels) {
    this.kernels = kernels;
    this.owner = inverse.getManager().newSubManager();
    this.width = width;
    this.inverse = inverse;
    this.weight = weight;
  }

  /**
   * Removes all units.
   *
   * @param wanted rounds in which they go, equally many in each, at most one a unit
   * @param costs what removing a unit costs
   * @return for every unit what it cost when it went, and more than any that went before it
   */
  double[] run(int wanted, Costs costs) throws IOException {
    int units = Math.toIntExact(inverse.getShape().get(0) / width);
    int rounds = Math.min(wanted, units); // in more, some would take nothing
    double[] scores = new double[units];
    boolean[] gone = new boolean[units];
    double before = 0;
    for (int round = 0; round < rounds; round++) {
      double[] present = costs.of(weight, inverse, unit -> gone[unit]);
      int[] cheapest =
          IntStream.range(0, units)
              .filter(unit -> !gone[unit])
              .boxed()
              .sorted(Comparator.comparingDouble(unit -> present[unit]))
              .limit((long) units * (round + 1) / rounds - (long) units * round / rounds)
              .mapToInt(Integer::intValue)
              .toArray();
      for (int unit : cheapest) {
        before = Math.max(present[unit], Math.nextUp(before));
        scores[unit] = before;
        gone[unit] = true;
      }
      if (round < rounds - 1) {
        remove(cheapest);
      }
    }
    return scores;
  }

  private void remove(int[] units) {
    long[] channels =
        Arrays.stream(units)
            .flatMap(unit -> IntStream.range(unit * width, (unit + 1) * width))
            .asLongStream()
            .sorted()
            .toArray();
    try (NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDArray chosen = owner.create(channels);
      NDArray rows = inverse.get(chosen); // G_B:
      NDArray block = rows.transpose().get(chosen).duplicate(); // G_BB
      double[] noRidge = new double[channels.length];
      NDArray solved;
      try (Factor factor = kernels.ridged(block, noRidge)) {
        solved = factor.solve(rows);
      }
      inverse.subi(rows.transpose().matMul(solved));
      NDArray going = weight.transpose().get(chosen).transpose();
      NDArray refitted = weight.sub(going.matMul(solved.toType(DataType.FLOAT32, false)));
      NDScope.unregister(refitted);
      refitted.attach(owner);
      weight = refitted;
    }
  }

  @Override
  public void close() {
    owner.close();
  }
}
