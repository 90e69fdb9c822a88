package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class NormTest {

  private static final float ROUNDING = 1e-6f;

  private final NDManager manager = NDManager.newBaseManager();

  @AfterEach
  void free() {
    manager.close();
  }

  @Test
  void aLayerNormTakesTheMeanAwayAndDividesByTheDeviation() {
    // GIVEN 1, 3: mean 2, variance 1, with epsilon 3 a divisor of 2
    Norm norm =
        new LayerNorm(manager.create(new float[] {10, 20}), manager.create(new float[] {1, 2}), 3);

    // WHEN / THEN (1 - 2) / 2 * 10 + 1, (3 - 2) / 2 * 20 + 2
    assertThat(norm.apply(manager.create(new float[] {1, 3}, new Shape(1, 1, 2))).toFloatArray())
        .containsExactly(new float[] {-4, 12}, within(ROUNDING));
  }

  @Test
  void anRmsNormDividesByTheRootMeanSquare() {
    // GIVEN 1, 7: mean square 25, with epsilon 11 a divisor of 6; 5, 0: 12.5, and 23.5 below the
    // root
    Norm norm = new RmsNorm(manager.create(new float[] {6, 12}), 11, manager);

    // WHEN / THEN
    assertThat(norm.apply(manager.create(new float[] {1, 7}, new Shape(1, 1, 2))).toFloatArray())
        .containsExactly(new float[] {1, 14}, within(ROUNDING));
    NDArray two = manager.create(new float[] {1, 7, 5, 0}, new Shape(1, 2, 2));
    assertThat(norm.apply(two).toFloatArray())
        .containsExactly(new float[] {1, 14, (float) (30 / Math.sqrt(23.5)), 0}, within(ROUNDING));
  }

  @Test
  void theGradientOfOneTokenPassesAnRmsNorm() {
    // GIVEN a token that is differentiated by: it must not leave the engine
    Norm norm = new RmsNorm(manager.create(new float[] {6, 12}), 11, manager);
    NDArray input = manager.create(new float[] {1, 7}, new Shape(1, 1, 2));
    input.setRequiresGradient(true);

    // WHEN
    try (GradientCollector collector = Engine.getInstance().newGradientCollector()) {
      collector.backward(norm.apply(input).sum());
    }

    // THEN w_i / r - x_i * sum(w x) / (n r^3) with r = 6, sum(w x) = 90
    assertThat(input.getGradient().toFloatArray())
        .containsExactly(new float[] {1 - 90 / 432f, 2 - 7 * 90 / 432f}, within(ROUNDING));
  }

  @Test
  void aPlainLayerNormHasNoTensors() throws IOException {
    // GIVEN
    NormRow row = new NormRow("n", NormRow.Kind.PLAIN_LAYER, 2, 3);
    ImmutableMap.Builder<String, Shape> tensors = ImmutableMap.builder();

    // WHEN
    row.addTensors(tensors);
    Norm norm =
        row.open(
            (name, owner) -> {
              throw new AssertionError("reads " + name);
            },
            manager);

    // THEN
    assertThat(tensors.buildOrThrow()).isEmpty();
    NDArray input = manager.create(new float[] {1, 3}, new Shape(1, 1, 2));
    assertThat(norm.apply(input).toFloatArray())
        .containsExactly(new float[] {-0.5f, 0.5f}, within(ROUNDING));
  }
}
