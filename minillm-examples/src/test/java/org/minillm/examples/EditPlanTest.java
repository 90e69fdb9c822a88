package org.minillm.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.runtime.CausalLm;

class EditPlanTest {

  /** The sums of float32 products run in another order once the zero columns are gone. */
  private static final double MASKED_TOLERANCE = 1e-4;

  @TempDir static Path temporary;

  private static Printed printed;

  @BeforeAll
  static void runTheExampleOnce() throws IOException {
    printed = Printed.by(EditPlan::main, temporary.toString());
  }

  @Test
  void firstLayerStaysWholeAndTheOthersAreCut() throws IOException {
    // WHEN
    try (CausalLm pruned = CausalLm.open(temporary.resolve("pruned"))) {
      // THEN
      assertThat(pruned.config().layers())
          .extracting(layer -> layer.units(GroupKind.MLP_CHANNELS))
          .containsExactly(512, 384, 384, 384);
    }
  }

  @Test
  void printsTheReachedRatio() {
    // THEN three of four layers lose a quarter
    assertThat(printed.numbers().get(0)).isEqualTo(18.75);
  }

  @Test
  void cutModelComputesWhatTheMaskedOneDid() {
    // WHEN
    List<Double> numbers = printed.numbers();

    // THEN
    assertThat(numbers.get(1)).isBetween(1.0, 20.0);
    assertThat(numbers.get(2)).isCloseTo(numbers.get(1), within(MASKED_TOLERANCE));
  }
}
