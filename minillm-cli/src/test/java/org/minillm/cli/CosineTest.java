package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.FloatBuffer;
import org.junit.jupiter.api.Test;

class CosineTest {

  @Test
  void partsAddUpToTheCosineOfTheWhole() {
    // GIVEN (1, 2, 2) and (2, 1, 2) in two parts
    Cosine first = new Cosine();
    first.add(FloatBuffer.wrap(new float[] {1, 2}), FloatBuffer.wrap(new float[] {2, 1}));
    Cosine whole = new Cosine();
    whole.add(2, 2);
    whole.add(first);

    // THEN (2 + 2 + 4) / 9
    assertThat(whole.value()).isCloseTo(8 / 9.0, within(1e-15));
  }

  @Test
  void zeroHasNoDirection() {
    Cosine cosine = new Cosine();
    cosine.add(0, 1);
    assertThat(cosine.value()).isNaN();
  }
}
