package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.minillm.core.architecture.GroupKind.ATTENTION_HEADS;
import static org.minillm.core.architecture.GroupKind.MLP_CHANNELS;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.MemoryBudget;
import org.minillm.criteria.Fms;
import org.minillm.criteria.Perturbation.Direction;
import org.minillm.criteria.Spsa;
import org.minillm.models.testing.StoredBytes;

/** The whole line on a trained model: the paper's criterion with the paper's gradient. */
class ReproducibilityTest {

  private static final long SEED = 42;

  @TempDir Path temp;

  @Test
  void theSameSeedGivesTheSameFilesWhateverTheMemory() throws IOException {
    // WHEN the model is pruned with memory for all blocks, and for one
    Map<String, String> all = prune(SEED, MemoryBudget.ofThisMachine(), "all");
    Map<String, String> one = prune(SEED, smallestBudget(), "one");

    // THEN plan, weights, config and manifest are the same to the byte
    assertThat(all).containsKeys("minillm-plan.json", "model.safetensors", "config.json");
    assertThat(one).isEqualTo(all);
  }

  @Test
  void anotherSeedGivesAnotherPlan() throws IOException {
    // WHEN the model is pruned with two seeds
    Map<String, String> first = prune(SEED, MemoryBudget.ofThisMachine(), "first");
    Map<String, String> second = prune(SEED + 1, MemoryBudget.ofThisMachine(), "second");

    // THEN plan and weights differ
    assertThat(second.get("minillm-plan.json")).isNotEqualTo(first.get("minillm-plan.json"));
    assertThat(second.get("model.safetensors")).isNotEqualTo(first.get("model.safetensors"));
  }

  private MemoryBudget smallestBudget() throws IOException {
    try (CausalLm model = CausalLm.open(TestModels.folder("tiny-llama", temp))) {
      return new MemoryBudget(model.memoryForecast(128).smallestBudget());
    }
  }

  private Map<String, String> prune(long seed, MemoryBudget budget, String name)
      throws IOException {
    StructuredPruner pruner =
        StructuredPruner.builder(new Fms(), PruningTarget.of(0.3, MLP_CHANNELS, ATTENTION_HEADS))
            .gradientEstimator(
                new Spsa(2, Spsa.DEFAULT_EPSILON, seed, Direction.NORMAL, Spsa.Data.OWN))
            .build();
    Path target = temp.resolve(name);
    try (Goldens goldens = Goldens.of("tiny-llama-importance");
        CausalLm model = CausalLm.open(TestModels.folder("tiny-llama", temp), budget)) {
      List<int[]> windows = goldens.ids("calibration_ids").subList(0, 4);
      CalibrationSet data = new CalibrationSet("goldens", 128, ImmutableList.copyOf(windows));
      pruner.apply(model, pruner.plan(model, data), data, target);
    }
    return StoredBytes.digests(target);
  }
}
