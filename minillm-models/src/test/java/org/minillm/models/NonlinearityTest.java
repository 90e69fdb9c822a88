package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NonlinearityTest {

  /** A few units in the last place; the two forms of GELU are 1.5e-4 apart at 1 and more at 2. */
  private static final float ROUNDING = 5e-7f;

  @ParameterizedTest
  @CsvSource({
    // x / (1 + e^-x): 1 / (1 + 0.3678794), -2 / (1 + 7.3890561)
    "SILU, 1, 0.7310586",
    "SILU, -2, -0.2384058",
    "RELU, 1.5, 1.5",
    "RELU, -1.5, 0",
    // x Phi(x): Phi(1) = 0.8413447, Phi(-2) = 0.0227501
    "GELU, 1, 0.8413447",
    "GELU, -2, -0.0455003",
    "GELU, 0, 0",
    // x/2 (1 + tanh(0.79788456 x (1 + 0.044715 x^2))): tanh(0.8335624) = 0.6823838
    "GELU_TANH, 1, 0.8411919",
    // tanh(-1.8811884) = -0.9545977
    "GELU_TANH, -2, -0.0454023",
    "GELU_TANH, 0, 0"
  })
  void hasTheValueOfItsFormula(Nonlinearity function, float x, float expected) {
    try (NDManager manager = NDManager.newBaseManager()) {
      // GIVEN
      NDArray input = manager.create(new float[] {x});

      // WHEN
      float actual = function.apply(input).toFloatArray()[0];

      // THEN, and the input is as it was
      assertThat(actual).isCloseTo(expected, within(ROUNDING));
      assertThat(input.toFloatArray()[0]).isEqualTo(x);
    }
  }
}
