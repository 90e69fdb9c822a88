package org.minillm.nd4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.tensor.Compute;
import org.minillm.core.tensor.EngineKernels;
import org.minillm.core.tensor.Kernels;
import org.minillm.core.tensor.Reduction;
import org.minillm.core.tensor.ScoreTerms;
import org.minillm.core.testing.KernelsContract;

class Nd4jKernelsTest extends KernelsContract {

  /** Sums of 3,000 doubles in another order. */
  private static final double ANOTHER_ORDER = 1e-12;

  @Override
  protected Kernels kernels() {
    return new Nd4jKernels();
  }

  @ParameterizedTest
  @CsvSource({"0,3", "1,5", "0,1", "1,1"})
  void scoresAreThoseOfTheDefaultHoweverManyRowsAreTakenAtOnce(int axis, int width) {
    try (NDManager manager = Compute.cpu().newManager()) {
      // GIVEN
      Shape shape = new Shape(60, 50);
      NDArray weight = manager.randomNormal(shape);
      NDArray gradient = manager.randomNormal(shape);
      double[] norms = new double[50];
      Arrays.setAll(norms, i -> 1 + i / 7.0);
      TensorSlice slice = new TensorSlice("w", axis, width, "x");
      ScoreTerms terms = slice.terms(weight).gradient(gradient).inputNorms(norms).exponent(2);
      for (Reduction reduction : Reduction.values()) {
        double[] expected = new EngineKernels().reduce(terms, reduction);
        for (int run : new int[] {1, 500, 1 << 20}) {
          // WHEN
          double[] scores = new Nd4jKernels(run).reduce(terms, reduction);
          // THEN
          assertThat(scores).hasSameSizeAs(expected);
          for (int unit = 0; unit < scores.length; unit++) {
            assertThat(scores[unit])
                .isCloseTo(expected[unit], within(ANOTHER_ORDER * expected[unit]));
          }
        }
      }
    }
  }

  @Test
  void isFoundByItsName() {
    assertThat(Plugins.named(Kernels.class, "nd4j")).isInstanceOf(Nd4jKernels.class);
  }
}
