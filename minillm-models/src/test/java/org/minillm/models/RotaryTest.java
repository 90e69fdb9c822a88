package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import com.google.gson.JsonObject;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.minillm.core.architecture.Positions;
import org.minillm.core.architecture.TokenLayout;
import org.minillm.core.tensor.CounterRng;

class RotaryTest {

  private static final int HEADS = 3;
  private static final int TIME = 5;
  private static final int HEAD_DIM = 6;

  private final NDManager manager = NDManager.newBaseManager();
  private final Rotary rotary = Rotary.of(new ConfigReader(new JsonObject(), Map.of()), HEAD_DIM);

  @AfterEach
  void free() {
    manager.close();
  }

  private NDArray heads() {
    float[] numbers = new float[HEADS * TIME * HEAD_DIM];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = (float) CounterRng.uniform(7, 0, i) - 0.5f;
    }
    return manager.create(numbers, new Shape(HEADS, TIME, HEAD_DIM));
  }

  private Positions positions(TokenLayout layout) {
    return new Positions(layout, null, new NDList(rotary.tables(layout, manager)));
  }

  @Test
  void aTokenByItselfIsTurnedAsAmongOthers() {
    // GIVEN the heads of five tokens, which are turned together
    NDArray heads = heads();
    NDArray together = rotary.turn(heads, positions(TokenLayout.following(0, TIME)));

    for (int token = 0; token < TIME; token++) {
      // WHEN each is turned by itself, as a part of a larger array
      String part = ":, " + token + ":" + (token + 1);
      NDArray alone = rotary.turn(heads.get(part), positions(TokenLayout.following(token, 1)));

      // THEN the numbers are the same
      assertThat(alone.getShape()).isEqualTo(new Shape(HEADS, 1, HEAD_DIM));
      assertThat(alone.toFloatArray()).isEqualTo(together.get(part).toFloatArray());
    }
  }

  @Test
  void theGradientOfOneTokenPassesARotation() {
    // GIVEN a token that is differentiated by: it must not leave the engine
    NDArray heads = heads().get(":, :1");
    heads.setRequiresGradient(true);

    // WHEN
    try (GradientCollector collector = Engine.getInstance().newGradientCollector()) {
      NDArray turned = rotary.turn(heads, positions(TokenLayout.following(2, 1)));
      collector.backward(turned.square().sum());
    }

    // THEN a rotation changes no square
    float[] gradient = heads.getGradient().toFloatArray();
    float[] numbers = heads.toFloatArray();
    for (int i = 0; i < numbers.length; i++) {
      assertThat(gradient[i]).isCloseTo(2 * numbers[i], within(1e-6f));
    }
  }
}
