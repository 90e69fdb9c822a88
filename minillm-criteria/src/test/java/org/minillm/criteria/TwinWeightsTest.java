package org.minillm.criteria;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.minillm.core.tensor.Compute;
import org.minillm.criteria.Perturbation.Direction;

class TwinWeightsTest {

  private static final double EPS = 1e-3;

  private final NDManager manager = Compute.cpu().newManager();
  private final NDManager waiting = manager.newSubManager();
  private final NDArray weight = manager.ones(new Shape(3, 5));
  private final Perturbation z = new Perturbation(7, Direction.NORMAL);
  private final TwinWeights twins =
      new TwinWeights(z, EPS, Set.of("w"), Compute.cpu().kernels(), waiting);

  @AfterEach
  void close() {
    manager.close();
  }

  @Test
  void theFirstStreamDrawsAndTheOtherMirrorsItsCopy() throws IOException {
    // GIVEN the stream that steps back asks first, as in a pass
    NDArray minus;
    float[] back;
    try (NDManager layer = manager.newSubManager()) {
      minus = twins.minus().apply("w", weight, layer);
      back = minus.toFloatArray();
    }

    // WHEN its layer is closed and the other stream opens it
    NDManager layer = manager.newSubManager();
    NDArray plus = twins.plus().apply("w", weight, layer);

    // THEN it is the same array, its numbers on the other side of the weight's 1
    assertThat(plus).isSameAs(minus);
    float[] forth = plus.toFloatArray();
    assertThat(back)
        .containsExactly(
            z.perturbed("w", weight, -EPS, Compute.cpu().kernels(), manager).toFloatArray());
    for (int i = 0; i < back.length; i++) {
      assertThat(forth[i]).isEqualTo((float) (2.0 - back[i]));
    }

    // AND it goes with that layer
    layer.close();
    assertThat(plus.isReleased()).isTrue();
  }

  @Test
  void whoAsksTwiceGetsTheSameCopy() throws IOException {
    NDArray once = twins.plus().apply("w", weight, manager);
    assertThat(twins.plus().apply("w", weight, manager)).isSameAs(once);
  }

  @Test
  void tensorsThatAreNotPerturbedStayWhatTheyAre() throws IOException {
    assertThat(twins.plus().apply("norm", weight, manager)).isSameAs(weight);
    assertThat(twins.minus().apply("norm", weight, manager)).isSameAs(weight);
  }
}
