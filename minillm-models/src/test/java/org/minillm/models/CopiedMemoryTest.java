package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.minillm.core.architecture.GroupKind.ATTENTION_HEADS;
import static org.minillm.core.architecture.GroupKind.MLP_CHANNELS;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.MemoryBudget;
import org.minillm.core.runtime.TokenReader;
import org.minillm.core.tensor.CopiedMemory;
import org.minillm.criteria.Fms;
import org.minillm.criteria.LeastSquares;
import org.minillm.criteria.Obs;
import org.minillm.criteria.Perturbation.Direction;
import org.minillm.criteria.Spsa;
import org.minillm.models.testing.StoredBytes;

/**
 * All that is computed where Java sees copies of the arrays and not their memory, as on a device:
 * the goldens of {@link GoldenOutputsTest}, and the same bytes as in the memory of the host.
 */
class CopiedMemoryTest extends GoldenOutputsTest {

  @TempDir Path folder;

  private CopiedMemory copied;

  @BeforeEach
  void copy() {
    copied = new CopiedMemory();
  }

  @AfterEach
  void stop() {
    copied.close();
  }

  @Test
  void aRestoredModelHasTheSameBytes() throws IOException {
    // WHEN channels are scored by a solver, heads by a gradient, and what stays is restored
    Map<String, String> byCopies = prune(new Obs(), "copies", MemoryBudget.ofThisMachine());
    copied.close();
    Map<String, String> inPlace = prune(new Obs(), "in place", MemoryBudget.ofThisMachine());

    // THEN
    assertThat(byCopies).containsKeys("minillm-plan.json", "model.safetensors");
    assertThat(byCopies).isEqualTo(inPlace);
  }

  @Test
  void streamsThatWaitInAFileHaveTheSameBytes() throws IOException {
    // GIVEN memory for one layer
    MemoryBudget smallest;
    try (CausalLm model = open(MemoryBudget.ofThisMachine())) {
      long bytes = pruner(new Fms()).memoryForecast(model, data()).smallestBudget();
      smallest = new MemoryBudget(bytes);
    }
    // WHEN
    Map<String, String> byCopies = prune(new Fms(), "copies", smallest);
    copied.close();
    Map<String, String> inPlace = prune(new Fms(), "in place", smallest);

    // THEN
    assertThat(byCopies).isEqualTo(inPlace);
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-llama", "tiny-opt", "tiny-bloom"})
  void tokenAfterTokenTheLogitsAreTheSame(String name) throws IOException {
    // WHEN
    float[][] byCopies = lastLogits(name);
    copied.close();
    float[][] inPlace = lastLogits(name);

    // THEN
    assertThat(Arrays.deepEquals(byCopies, inPlace)).isTrue();
  }

  private float[][] lastLogits(String name) throws IOException {
    try (CausalLm model = CausalLm.open(TestModels.folder(name, folder));
        TokenReader reader = new TokenReader(model, 8)) {
      reader.read(new int[][] {{3, 1, 4, 1}});
      reader.read(new int[][] {{5}});
      return reader.read(new int[][] {{9}});
    }
  }

  private static StructuredPruner pruner(ImportanceCriterion ofChannels) {
    return StructuredPruner.builder(
            ofChannels, PruningTarget.of(0.3, MLP_CHANNELS, ATTENTION_HEADS))
        .criterion(ATTENTION_HEADS, new Fms())
        .gradientEstimator(new Spsa(2, Spsa.DEFAULT_EPSILON, 42, Direction.NORMAL, Spsa.Data.OWN))
        .restoration(new LeastSquares())
        .build();
  }

  private static CalibrationSet data() throws IOException {
    try (Goldens goldens = Goldens.of("tiny-llama-importance")) {
      List<int[]> windows = goldens.ids("calibration_ids").subList(0, 4);
      return new CalibrationSet("goldens", 128, ImmutableList.copyOf(windows));
    }
  }

  private CausalLm open(MemoryBudget budget) throws IOException {
    return CausalLm.open(TestModels.folder("tiny-llama", folder), budget);
  }

  private Map<String, String> prune(
      ImportanceCriterion ofChannels, String name, MemoryBudget budget) throws IOException {
    StructuredPruner pruner = pruner(ofChannels);
    Path target = folder.resolve(name);
    try (CausalLm model = open(budget)) {
      CalibrationSet data = data();
      pruner.apply(model, pruner.plan(model, data), data, target);
    }
    return StoredBytes.digests(target);
  }
}
