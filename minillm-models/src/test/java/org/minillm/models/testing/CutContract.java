package org.minillm.models.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.plan.CutTable;
import org.minillm.core.plan.MaskedWeights;
import org.minillm.core.plan.ModelFingerprint;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.runtime.CausalLm;

/** Cutting and masking are the same, what stays stays as it is, and plans fit one model only. */
interface CutContract extends FamilyModels {

  /**
   * A masked and a cut model add the same numbers in another order, in float32. Relative to the
   * largest element.
   */
  double SAME_FUNCTION = 1e-5;

  /**
   * What a plan changes must tower above {@link #SAME_FUNCTION}, or the comparison says nothing.
   */
  double VISIBLE = 100 * SAME_FUNCTION;

  /** Enough for the comparison of outputs. */
  int FEW_WINDOWS = 4;

  @ParameterizedTest
  @MethodSource("modelsAndPlans")
  default void aCutModelComputesWhatTheMaskedModelComputes(
      Path folder, String name, @TempDir Path temp) throws IOException {
    try (CausalLm model = CausalLm.open(folder)) {
      // GIVEN a plan and the model that it leaves, written and opened again
      PruningPlan plan = Plans.of(model).get(name);
      List<int[]> windows = Passes.windows(model).windows().subList(0, FEW_WINDOWS);
      FamilyModels.cut(model, plan, temp.resolve("cut"));
      try (CausalLm cut = CausalLm.open(temp.resolve("cut"))) {
        assertThat(cut.config().layers()).isEqualTo(plan.layerShapes(model.config()));

        // WHEN the dense model runs with the same units masked
        MaskedWeights mask = new MaskedWeights(CutTable.of(plan, model.groups(KINDS)));
        Passes.Outputs masked = Passes.run(model, windows, mask);
        Passes.Outputs smaller = Passes.run(cut, windows, WeightTransform.NONE);

        // THEN both give the same, and not what the dense model gives
        float[] dense = Passes.run(model, windows, WeightTransform.NONE).hidden();
        assertThat(Passes.difference(masked.hidden(), dense)).isGreaterThan(VISIBLE);
        assertThat(Passes.difference(smaller.hidden(), masked.hidden())).isLessThan(SAME_FUNCTION);
        assertThat(Passes.difference(smaller.logits(), masked.logits())).isLessThan(SAME_FUNCTION);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  default void whatStaysIsTheSameToTheByte(Path folder, @TempDir Path temp) throws IOException {
    try (CausalLm model = CausalLm.open(folder)) {
      // WHEN a plan is cut
      PruningPlan plan = Plans.of(model).get("random counts");
      FamilyModels.cut(model, plan, temp.resolve("cut"));

      // THEN every tensor holds the bytes of the units that stay, and of all else
      try (CausalLm cut = CausalLm.open(temp.resolve("cut"))) {
        assertThat(cut.checkpoint().tensors().keySet())
            .isEqualTo(model.checkpoint().tensors().keySet());
        StoredBytes.assertSelected(cut, model, plan);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  default void cuttingTwiceIsCuttingOnceWithBothPlans(Path folder, @TempDir Path temp)
      throws IOException {
    try (CausalLm model = CausalLm.open(folder)) {
      // GIVEN a pruned model
      PruningPlan first = Plans.of(model).get("random counts");
      FamilyModels.cut(model, first, temp.resolve("first"));
      try (CausalLm pruned = CausalLm.open(temp.resolve("first"))) {
        // WHEN it is pruned again
        PruningPlan second = Plans.plan(pruned, Plans::twoThirds);
        FamilyModels.cut(pruned, second, temp.resolve("second"));

        // THEN weights and config.json are those of one cut with both plans
        FamilyModels.cut(model, Plans.composed(first, second), temp.resolve("both"));
        assertThat(modelFiles(temp.resolve("second"))).isEqualTo(modelFiles(temp.resolve("both")));
      }
    }
  }

  /** All but the plan and the manifest, which tell how a model was made. */
  private static Map<String, String> modelFiles(Path folder) throws IOException {
    return Maps.filterKeys(StoredBytes.digests(folder), name -> !name.startsWith("minillm-"));
  }

  @ParameterizedTest
  @MethodSource("models")
  default void aPlanThatIsWrittenAndReadIsTheSamePlan(Path folder, @TempDir Path temp)
      throws IOException {
    try (CausalLm model = CausalLm.open(folder)) {
      for (PruningPlan plan : Plans.of(model).values()) {
        // WHEN a plan goes through a file
        plan.write(temp.resolve("plan.json"), true);

        // THEN it is equal
        assertThat(PruningPlan.read(temp.resolve("plan.json"))).isEqualTo(plan);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  default void aPlanOfAnotherModelIsRefusedByTheFieldThatDiffers(Path folder, @TempDir Path temp)
      throws IOException {
    try (CausalLm model = CausalLm.open(folder)) {
      // GIVEN plans for the model before it was pruned, for a wider one and for other weights
      PruningPlan plan = Plans.of(model).get("uniform channels");
      ModelFingerprint mine = plan.model();
      ModelFingerprint wider =
          new ModelFingerprint(
              mine.modelType(),
              mine.hiddenSize() + 1,
              mine.vocabSize(),
              mine.headDim(),
              mine.layers(),
              mine.tensorsSha256());
      ModelFingerprint retrained =
          new ModelFingerprint(
              mine.modelType(),
              mine.hiddenSize(),
              mine.vocabSize(),
              mine.headDim(),
              mine.layers(),
              "0".repeat(64));
      FamilyModels.cut(model, plan, temp.resolve("pruned"));

      // WHEN they are applied THEN the message names the field
      try (CausalLm pruned = CausalLm.open(temp.resolve("pruned"))) {
        assertRefused(pruned, mine, "intermediate_size of layer 0", temp);
      }
      assertRefused(model, wider, "hidden_size", temp);
      assertRefused(model, retrained, "tensors_sha256", temp);
    }
  }

  private static void assertRefused(
      CausalLm model, ModelFingerprint other, String field, Path temp) {
    PruningPlan plan = new PruningPlan(other, ImmutableMap.of(), ImmutableMap.of());
    assertThatThrownBy(() -> FamilyModels.cut(model, plan, temp.resolve("refused")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(field);
    assertThat(temp.resolve("refused")).doesNotExist();
  }
}
