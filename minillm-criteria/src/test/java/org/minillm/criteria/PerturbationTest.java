package org.minillm.criteria;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.nio.FloatBuffer;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ForkJoinPool;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.minillm.core.tensor.Compute;
import org.minillm.core.tensor.CounterRng;
import org.minillm.criteria.Perturbation.Direction;

class PerturbationTest {

  /** Three fixed ranges of the implementation and a bit, so that joints are seen. */
  private static final Shape SHAPE = new Shape(7, 7100);

  private static final double EPS = 1e-3;

  private final NDManager manager = Compute.cpu().newManager();

  @AfterEach
  void close() {
    manager.close();
  }

  @Test
  void normalDirectionIsThatOfSeedAndTensorName() {
    assertThat(
            new Perturbation(5, Direction.NORMAL)
                .z("w", SHAPE, Compute.cpu().kernels(), manager)
                .toFloatArray())
        .isEqualTo(normal(5, "w"));
  }

  @Test
  void signDirectionIsThatOfSeedAndTensorName() {
    // GIVEN
    FloatBuffer expected = FloatBuffer.allocate((int) SHAPE.size());
    CounterRng.fillSigns(expected, 5, CounterRng.stream("w"), 0);
    // THEN
    assertThat(
            new Perturbation(5, Direction.SIGNS)
                .z("w", SHAPE, Compute.cpu().kernels(), manager)
                .toFloatArray())
        .isEqualTo(expected.array());
  }

  @Test
  void directionHasTheShapeOfTheTensor() {
    assertThat(
            new Perturbation(5, Direction.NORMAL)
                .z("w", SHAPE, Compute.cpu().kernels(), manager)
                .getShape())
        .isEqualTo(SHAPE);
  }

  @Test
  void perturbedWeightIsRoundedToFloatOnce() {
    // GIVEN
    NDArray weight =
        new Perturbation(6, Direction.NORMAL)
            .z("some weights", SHAPE, Compute.cpu().kernels(), manager);
    float[] z = normal(5, "w");
    float[] w = weight.toFloatArray();
    // WHEN
    NDArray perturbed =
        new Perturbation(5, Direction.NORMAL)
            .perturbed("w", weight, -EPS, Compute.cpu().kernels(), manager);
    // THEN
    float[] expected = new float[w.length];
    for (int i = 0; i < w.length; i++) {
      expected[i] = (float) ((double) w[i] - EPS * z[i]);
    }
    assertThat(perturbed.toFloatArray()).isEqualTo(expected);
    assertThat(perturbed.getShape()).isEqualTo(SHAPE);
  }

  @Test
  void weightItselfIsNotTouched() {
    // GIVEN
    NDArray weight = manager.ones(SHAPE);
    // WHEN
    new Perturbation(5, Direction.SIGNS)
        .perturbed("w", weight, 1, Compute.cpu().kernels(), manager);
    // THEN
    assertThat(weight.toFloatArray()).containsOnly(1);
  }

  @Test
  void resultHangsOnTheOwnerThatWasGiven() {
    try (NDManager owner = manager.newSubManager()) {
      // GIVEN
      Perturbation perturbation = new Perturbation(5, Direction.SIGNS);
      NDArray weight = manager.ones(new Shape(2, 2));
      // THEN
      assertThat(
              perturbation.perturbed("w", weight, 1, Compute.cpu().kernels(), owner).getManager())
          .isSameAs(owner);
      assertThat(perturbation.z("w", new Shape(2, 2), Compute.cpu().kernels(), owner).getManager())
          .isSameAs(owner);
    }
  }

  @Test
  void numberOfThreadsChangesNothing() throws ExecutionException, InterruptedException {
    // GIVEN
    Perturbation perturbation = new Perturbation(5, Direction.NORMAL);
    for (int threads : new int[] {1, 3}) {
      ForkJoinPool pool = new ForkJoinPool(threads);
      try {
        // WHEN
        NDArray z =
            pool.submit(() -> perturbation.z("w", SHAPE, Compute.cpu().kernels(), manager)).get();
        // THEN
        assertThat(z.toFloatArray()).isEqualTo(normal(5, "w"));
      } finally {
        pool.shutdown();
      }
    }
  }

  @Test
  void tensorOfTwoGibibytesIsRejected() {
    assertThatThrownBy(
            () ->
                new Perturbation(5, Direction.NORMAL)
                    .z("w", new Shape(1 << 15, 1 << 14), Compute.cpu().kernels(), manager))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("(32768, 16384)")
        .hasMessageContaining("2 GiB");
  }

  private static float[] normal(long seed, String tensor) {
    FloatBuffer target = FloatBuffer.allocate((int) SHAPE.size());
    CounterRng.fillNormal(target, seed, CounterRng.stream(tensor), 0);
    return target.array();
  }

  @Test
  void theMirroredCopyIsAsFarOnTheOtherSide() {
    // GIVEN
    NDArray weight =
        new Perturbation(6, Direction.NORMAL)
            .z("some weights", SHAPE, Compute.cpu().kernels(), manager);
    Perturbation perturbation = new Perturbation(5, Direction.NORMAL);
    NDArray copy = perturbation.perturbed("w", weight, EPS, Compute.cpu().kernels(), manager);
    float[] there = copy.toFloatArray();

    // WHEN
    Compute.cpu().kernels().mirror(copy, weight);

    // THEN to the bit, and within the rounding of what would be drawn
    float[] back = copy.toFloatArray();
    float[] drawn =
        perturbation.perturbed("w", weight, -EPS, Compute.cpu().kernels(), manager).toFloatArray();
    float[] weights = weight.toFloatArray();
    for (int i = 0; i < weights.length; i++) {
      assertThat(back[i]).isEqualTo((float) (2.0 * weights[i] - there[i]));
      assertThat(back[i])
          .isCloseTo(
              drawn[i], within(2 * Math.ulp(Math.max(Math.abs(there[i]), Math.abs(drawn[i])))));
    }
  }
}
