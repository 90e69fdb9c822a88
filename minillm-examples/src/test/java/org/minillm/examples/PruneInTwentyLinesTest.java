package org.minillm.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.runtime.CausalLm;
import org.minillm.demo.DemoData;

class PruneInTwentyLinesTest {

  @TempDir static Path temporary;

  private static Path target;
  private static Printed printed;

  @BeforeAll
  static void runTheExampleOnce() throws IOException {
    Path model = DemoData.model(DemoData.extract(temporary.resolve("demo")));
    target = temporary.resolve("smaller");
    printed = Printed.by(PruneInTwentyLines::main, model.toString(), target.toString());
  }

  @Test
  void writesAModelWithAFifthOfTheChannelsRemoved() throws IOException {
    // WHEN
    try (CausalLm pruned = CausalLm.open(target)) {
      // THEN 102 of 512 channels go: 0.2 of 512 is 102.4
      assertThat(pruned.config().layers())
          .extracting(layer -> layer.units(GroupKind.MLP_CHANNELS))
          .containsExactly(410, 410, 410, 410);
    }
  }

  @Test
  void writesThePlanOfTheBestRecipeBesideTheWeights() throws IOException {
    // WHEN
    PruningPlan plan = PruningPlan.read(target.resolve("minillm-plan.json"));

    // THEN
    assertThat(plan.provenance())
        .containsEntry("criterion", "obs")
        .containsEntry("restoration", "least-squares")
        .containsEntry("calibration.samples", "128");
  }

  @Test
  void printsParametersAndPerplexityBeforeAndAfter() {
    // THEN 4 layers of 102 channels of 3 * 192 weights go of 2410176
    List<Double> numbers = printed.numbers();
    assertThat(numbers).hasSize(4);
    assertThat(numbers.subList(0, 2)).containsExactly(2_175_168.0, 2_410_176.0);
    assertThat(numbers.get(2)).isBetween(1.0, 4096.0); // better than guessing of 4096 tokens
    assertThat(numbers.get(3)).isBetween(numbers.get(2), 4096.0);
  }
}
