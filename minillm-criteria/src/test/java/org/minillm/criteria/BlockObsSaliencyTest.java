package org.minillm.criteria;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.evidence.TokenWeights;
import org.minillm.core.tensor.Compute;

/** {@link Obs} of units of several channels, such as heads. */
class BlockObsSaliencyTest {

  /** A few solves in double. */
  private static final double ROUNDING = 1e-9;

  private static Obs obs(double damping) {
    return new Obs(damping, Obs.Ridge.DIAGONAL, TokenWeights.EQUAL, 1);
  }

  private static PruningGroup heads(int units, int width) {
    return new PruningGroup(
        new GroupId(0, GroupKind.ATTENTION_HEADS),
        units,
        List.of(new TensorSlice("o", 1, width, "o")));
  }

  @Test
  void channelsThatGoTogetherCannotMakeUpForEachOther() throws IOException {
    // GIVEN two heads of two channels; the diagonal added once more makes of H
    //   4 1 1 0
    //   1 4 0 0
    //   1 0 2 0
    //   0 0 0 2
    Obs obs = obs(1);
    try (HandMadeEvidence evidence = new HandMadeEvidence(1, obs)) {
      evidence
          .weight("o", new Shape(2, 4), 1, -1, 3, 1, 2, 1, 0, 2)
          .moments("o", 4, 2, 1, 1, 0, 1, 2, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1);

      // WHEN
      double[] scores = obs.score(heads(2, 2), evidence);

      // THEN of the first head (G_SS)^-1 = H_SS - H_SK (H_KK)^-1 H_KS = [[7/2, 1], [1, 4]], and
      // its rows (1, -1) and (2, 1) cost 7/2 - 2 + 4 and 14 + 4 + 4; channel by channel they would
      // be 5 * 13/4 + 2 * 26/7 = 23.7, less than the second head
      // THEN of the second head it is [[2 - 4/15, 0], [0, 2]], its rows (3, 1) and (0, 2)
      assertThat(scores)
          .containsExactly(
              new double[] {27.5, 9 * 26 / 15.0 + 2 * (1 + 4)}, within(27.5 * ROUNDING));
    }
  }

  @Test
  void theCostIsTheErrorThatTheBestRefitLeaves() throws IOException {
    // GIVEN three heads of four channels with correlated inputs
    int units = 3;
    int width = 4;
    int out = 5;
    int channels = units * width;
    double damping = 0.1;
    SplittableRandom random = new SplittableRandom(3);
    try (NDManager manager = Compute.cpu().newManager();
        HandMadeEvidence evidence = new HandMadeEvidence(1, obs(damping))) {
      NDArray x =
          manager.create(random.doubles(20L * channels, -1, 1).toArray(), new Shape(20, channels));
      NDArray moments = x.transpose().matMul(x);
      float[] weights = new float[out * channels];
      for (int i = 0; i < weights.length; i++) {
        weights[i] = random.nextInt(-9, 10);
      }
      evidence
          .weight("o", new Shape(out, channels), weights)
          .moments("o", channels, moments.toDoubleArray());

      // WHEN
      double[] scores = obs(damping).score(heads(units, width), evidence);

      // THEN it is that of the re-fit by the normal equations, measured with all of the damped H
      NDArray damped = moments.add(moments.mul(eye(manager, channels).mul(damping)));
      NDArray weight =
          manager.create(weights, new Shape(out, channels)).toType(DataType.FLOAT64, true);
      for (int unit = 0; unit < units; unit++) {
        double expected = errorOfTheRefit(damped, weight, unit * width, (unit + 1) * width);
        assertThat(scores[unit]).isCloseTo(expected, within(expected * ROUNDING));
      }
    }
  }

  /** tr(E H E^T), E = W - W' with W'_S = 0 and W'_K = W H_:K (H_KK)^-1. */
  private static double errorOfTheRefit(NDArray moments, NDArray weight, int from, int to) {
    NDManager manager = moments.getManager();
    int channels = Math.toIntExact(moments.getShape().get(0));
    long[] kept = LongStream.range(0, channels).filter(c -> c < from || c >= to).toArray();
    // (K, n): puts columns in their place
    NDArray places = eye(manager, channels).get(manager.create(kept));
    NDArray ofKept = places.matMul(moments); // H_K:
    NDArray refitted =
        ofKept.matMul(places.transpose()).inverse().matMul(ofKept.matMul(weight.transpose()));
    NDArray error = weight.sub(refitted.transpose().matMul(places));
    return error.matMul(moments).mul(error).sum().getDouble();
  }

  private static NDArray eye(NDManager manager, int size) {
    return manager.eye(size, size, 0, DataType.FLOAT64);
  }

  @Test
  void aHeadWithoutInputsCostsNothing() throws IOException {
    // GIVEN a head whose channels are always zero beside one whose channels are not
    try (HandMadeEvidence evidence = new HandMadeEvidence(1, obs(1))) {
      evidence
          .weight("o", new Shape(1, 4), 5, 5, 1, 1)
          .moments("o", 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1);

      // WHEN
      double[] scores = obs(1).score(heads(2, 2), evidence);

      // THEN it costs what keeps the solve from failing, and the other at least what is damped
      assertThat(scores[0]).isCloseTo(0, within(1e-7));
      assertThat(scores[1]).isGreaterThanOrEqualTo(4);
    }
  }

  @Test
  void unitsAlreadyGoneAreLeftOut() {
    // GIVEN an inverse of which one unit is zero, as the rounds leave it
    try (NDManager manager = Compute.cpu().newManager()) {
      NDArray inverse =
          manager.create(
              new double[] {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0.25}, new Shape(4, 4));
      NDArray weight = manager.create(new float[] {0, 0, 1, 2}, new Shape(1, 4));

      // WHEN
      double[] errors =
          BlockObsSaliency.of(weight, inverse, 2, unit -> unit == 0, Compute.cpu().kernels());

      // THEN
      assertThat(errors).containsExactly(new double[] {0, 2 + 16}, within(ROUNDING));
    }
  }
}
