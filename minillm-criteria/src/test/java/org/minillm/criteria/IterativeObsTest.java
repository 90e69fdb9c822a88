package org.minillm.criteria;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.evidence.TokenWeights;
import org.minillm.core.tensor.Compute;

/** {@link Obs} in rounds. */
class IterativeObsTest {

  /** The weights are re-fitted in float32. */
  private static final double RELATIVE_ROUNDING = 1e-5;

  private static final double DAMPING = 0.5;

  private static Obs rounds(double damping, int rounds) {
    return new Obs(damping, Obs.Ridge.DIAGONAL, TokenWeights.EQUAL, rounds);
  }

  private static PruningGroup group(int units, int width) {
    return new PruningGroup(
        new GroupId(0, GroupKind.MLP_CHANNELS),
        units,
        List.of(new TensorSlice("down", 1, width, "down")));
  }

  @Test
  void theSecondOfTwoEqualChannelsCostsMoreOnceTheFirstIsGone() throws IOException {
    // GIVEN two channels that say the same and one of its own; the diagonal added once more makes
    // [[2, 1], [1, 2]] and 2 of them, with the inverse [[2, -1], [-1, 2]] / 3 and 1 / 2
    Obs oneShot = rounds(1, 1);
    Obs inRounds = rounds(1, 3);
    try (HandMadeEvidence evidence = new HandMadeEvidence(1, oneShot)) {
      evidence
          .weight("down", new Shape(1, 3), 1, 2, 2)
          .moments("down", 3, 1, 1, 0, 1, 1, 0, 0, 0, 1);

      // WHEN they are scored in one shot, and one a round
      double[] together = oneShot.score(group(3, 1), evidence);
      double[] oneByOne = inRounds.score(group(3, 1), evidence);

      // THEN one shot would remove both first, each for what it costs while the other is there
      assertThat(together).containsExactly(new double[] {1.5, 6, 8}, within(RELATIVE_ROUNDING));
      // and in rounds the other takes over: weight 2 + 1/2, inverse 2/3 - (1/3)^2 / (2/3) = 1/2
      assertThat(oneByOne)
          .containsExactly(new double[] {1.5, 2.5 * 2.5 / 0.5, 8}, within(RELATIVE_ROUNDING));
    }
  }

  @Test
  void everyRoundIsOptimalBrainSurgeonOnWhatIsLeft() throws IOException {
    // GIVEN six units of two channels with correlated inputs
    int units = 6;
    int width = 2;
    int out = 3;
    SplittableRandom random = new SplittableRandom(7);
    try (NDManager manager = Compute.cpu().newManager();
        HandMadeEvidence evidence = new HandMadeEvidence(1, new Obs())) {
      int channels = units * width;
      NDArray x =
          manager.create(random.doubles(20L * channels, -1, 1).toArray(), new Shape(20, channels));
      NDArray moments = x.transpose().matMul(x);
      float[] weights = new float[out * channels];
      IntStream.range(0, weights.length).forEach(i -> weights[i] = random.nextInt(-9, 10));
      evidence
          .weight("down", new Shape(out, channels), weights)
          .moments("down", channels, moments.toDoubleArray());

      // WHEN one goes a round
      double[] scores = rounds(DAMPING, units).score(group(units, width), evidence);

      // THEN the order and the costs are those of inverting anew what is left each time
      NDArray damped = moments.add(moments.mul(manager.eye(channels).mul(DAMPING)));
      NDArray weight =
          manager.create(weights, new Shape(out, channels)).toType(DataType.FLOAT64, true);
      assertThat(scores)
          .containsExactly(
              invertedAnew(damped, weight, units, width), within(RELATIVE_ROUNDING * 1e3));
    }
  }

  /** Greedy removal with the best re-fit of what is left, from the definition. */
  private static double[] invertedAnew(NDArray moments, NDArray weight, int units, int width) {
    NDManager manager = moments.getManager();
    List<Integer> left = new ArrayList<>(IntStream.range(0, units).boxed().toList());
    double[] scores = new double[units];
    double before = 0;
    while (!left.isEmpty()) {
      NDArray kept = manager.create(left.stream().flatMapToLong(u -> channels(u, width)).toArray());
      NDArray rows = moments.get(kept); // H_K:
      NDArray inverse = rows.transpose().get(kept).inverse(); // (H_KK)^-1
      NDArray refitted = inverse.matMul(rows.matMul(weight.transpose())); // columns of W, (K, out)
      double[] ofUnits = new double[left.size()];
      for (int u = 0; u < ofUnits.length; u++) {
        NDIndex unit = new NDIndex().addSliceDim((long) u * width, (u + 1L) * width);
        NDArray columns = refitted.get(unit);
        NDArray block = inverse.get(unit).transpose().get(unit).inverse();
        ofUnits[u] = block.matMul(columns).mul(columns).sum().getDouble();
      }
      int cheapest =
          IntStream.range(0, ofUnits.length).reduce(0, (a, b) -> ofUnits[b] < ofUnits[a] ? b : a);
      before = Math.max(before, ofUnits[cheapest]);
      scores[left.remove(cheapest)] = before;
    }
    return scores;
  }

  private static LongStream channels(int unit, int width) {
    return LongStream.range((long) unit * width, (unit + 1L) * width);
  }
}
