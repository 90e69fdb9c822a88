package org.minillm.models.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.evidence.GradientEstimate;
import org.minillm.core.evidence.GradientRequest;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.MemoryBudget;
import org.minillm.core.runtime.PassRunner;
import org.minillm.criteria.Fms;
import org.minillm.criteria.Perturbation.Direction;
import org.minillm.criteria.Spsa;

/** Neither the memory budget nor the batches show in a result. */
interface MemoryContract extends FamilyModels {

  /** The matrix products of one window and of many are blocked in another way. Nats. */
  double BATCHED = 1e-5;

  MemoryBudget ONE_BLOCK = new MemoryBudget(1);

  @ParameterizedTest
  @MethodSource("models")
  default void windowsOneByOneGiveTheLossesOfAllTogether(Path folder) throws IOException {
    try (CausalLm model = CausalLm.open(folder)) {
      // GIVEN the losses of more windows than one micro-batch holds
      List<int[]> windows = Passes.windows(model).windows();
      double[] together = Passes.negativeLogLikelihoods(model, windows);

      for (int w = 0; w < windows.size(); w += 13) {
        // WHEN a window runs alone
        double alone = Passes.negativeLogLikelihoods(model, List.of(windows.get(w)))[0];

        // THEN its loss is the same
        assertThat(alone).as("window %d", w).isCloseTo(together[w], within(BATCHED));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  default void oneBlockInMemoryGivesTheStatisticsOfAllToTheBit(Path folder) throws IOException {
    try (CausalLm all = CausalLm.open(folder);
        CausalLm one = CausalLm.open(folder, ONE_BLOCK)) {
      // GIVEN a budget for every block and for one
      assertThat(all.residentLayers()).isEqualTo(all.config().layers().size());
      assertThat(one.residentLayers()).isZero();

      // WHEN both gather statistics, the first from memory
      CalibrationSet data = Passes.windows(all);
      Passes.statistics(all, data);
      var fromMemory = Passes.statistics(all, data);
      var fromFile = Passes.statistics(one, data);

      // THEN they are equal
      assertThat(fromFile.keySet()).isEqualTo(fromMemory.keySet());
      fromFile.forEach(
          (point, statistics) -> {
            assertThat(statistics.count()).isEqualTo(fromMemory.get(point).count());
            assertThat(statistics.norms()).as(point).isEqualTo(fromMemory.get(point).norms());
            for (int channel = 0; channel < statistics.channels(); channel++) {
              assertThat(statistics.variance(channel))
                  .as("variance at %s, channel %d", point, channel)
                  .isEqualTo(fromMemory.get(point).variance(channel));
            }
          });
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  default void oneBlockInMemoryGivesTheGradientPlanAndFilesOfAllToTheByte(
      Path folder, @TempDir Path temp) throws IOException {
    Spsa spsa = new Spsa(2, Spsa.DEFAULT_EPSILON, 5, Direction.NORMAL, Spsa.Data.OWN);
    StructuredPruner pruner =
        StructuredPruner.builder(new Fms(), PruningTarget.of(0.3, KINDS.toArray(GroupKind[]::new)))
            .gradientEstimator(spsa)
            .build();
    List<GradientEstimate> estimates = new ArrayList<>();
    MemoryBudget smallest = smallestBudget(folder, pruner);
    for (MemoryBudget budget : List.of(MemoryBudget.ofThisMachine(), smallest)) {
      try (CausalLm model = CausalLm.open(folder, budget)) {
        // WHEN the gradient is estimated, and the model is scored and cut
        CalibrationSet all = Passes.windows(model);
        CalibrationSet data =
            new CalibrationSet(all.source(), all.window(), all.windows().subList(0, 4));
        estimates.add(spsa.estimate(new PassRunner(model), data, GradientRequest.WEIGHTS));
        Path target = temp.resolve(budget.equals(smallest) ? "one" : "all");
        pruner.apply(model, pruner.plan(model, data), null, target);
      }
    }

    // THEN the slopes are the same to the bit
    assertThat(estimates.get(1)).isEqualTo(estimates.get(0));
    // AND every file is the same, the plan among them
    assertThat(StoredBytes.digests(temp.resolve("one")))
        .containsKey("minillm-plan.json")
        .isEqualTo(StoredBytes.digests(temp.resolve("all")));
  }

  private static MemoryBudget smallestBudget(Path folder, StructuredPruner pruner)
      throws IOException {
    try (CausalLm model = CausalLm.open(folder)) {
      return new MemoryBudget(pruner.memoryForecast(model, Passes.windows(model)).smallestBudget());
    }
  }
}
