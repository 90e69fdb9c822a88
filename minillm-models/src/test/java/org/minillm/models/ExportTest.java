package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.primitives.ImmutableIntArray;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.cut.CheckpointCutter;
import org.minillm.core.cut.CutExport;
import org.minillm.core.cut.Export;
import org.minillm.core.cut.MaskedExport;
import org.minillm.core.cut.PruningReport;
import org.minillm.core.plan.CutTable;
import org.minillm.core.plan.MaskedWeights;
import org.minillm.core.plan.ModelFingerprint;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.runtime.ResidualStream;

/** Cut and masked: two forms of one function. */
class ExportTest {

  /**
   * Zeros change no sum, but the matrix products of other sizes are added in another order. The
   * final hidden states are of size 1.
   */
  private static final float ADDED_IN_ANOTHER_ORDER = 2e-5f;

  private static final List<int[]> WINDOWS =
      List.of(
          IntStream.range(4, 44).toArray(), IntStream.range(0, 40).map(i -> 7 * i % 250).toArray());

  @TempDir Path temp;

  /** Heads 1 and the last of layer 0, head 0 of layer 1; every third channel, or every fourth. */
  static PruningPlan unevenPlan(CausalLm model) throws IOException {
    PruningPlan plan =
        new PruningPlan(
            ModelFingerprint.of(model.config(), model.checkpoint().sha256OfSamples()),
            Map.of(),
            Map.of());
    for (PruningGroup group : model.groups(List.of(GroupKind.values()))) {
      int layer = group.id().layer();
      int last = group.units() - 1;
      plan =
          plan.withKept(
              group.id(),
              group.id().kind() == GroupKind.MLP_CHANNELS
                  ? ImmutableIntArray.copyOf(
                      IntStream.rangeClosed(0, last).filter(unit -> unit % (3 + layer) != 1))
                  : layer == 0
                      ? ImmutableIntArray.copyOf(IntStream.of(1, last).distinct())
                      : ImmutableIntArray.of(0));
    }
    return plan;
  }

  private static float[] finalHidden(CausalLm model, WeightTransform transform) throws IOException {
    try (ForwardPass pass = new ForwardPass(model)) {
      ResidualStream stream = pass.add(WINDOWS, transform, BlockTap.NONE);
      pass.run();
      return pass.normed(stream).get(0).toFloatArray();
    }
  }

  private Path write(CausalLm model, PruningPlan plan, Export export) throws IOException {
    Path target = temp.resolve(export.toString());
    new CheckpointCutter(new PassRunner(model), plan).export(export).write(target, false);
    return target;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"opt-350m-style", "opt-gelu", "bloom-pow2", "bloom-postln", "llama-gqa-bias"})
  void cutMaskedInMemoryAndMaskedOnDiskComputeTheSame(String name) throws IOException {
    try (CausalLm dense = CausalLm.open(TestModels.folder(name, temp))) {
      // GIVEN
      PruningPlan plan = unevenPlan(dense);
      float[] inMemory =
          finalHidden(
              dense,
              new MaskedWeights(CutTable.of(plan, dense.groups(List.of(GroupKind.values())))));

      try (CausalLm cut = CausalLm.open(write(dense, plan, new CutExport()));
          CausalLm masked = CausalLm.open(write(dense, plan, new MaskedExport()))) {
        // WHEN / THEN the cut model, with shapes of its own, computes what the masked ones do
        assertThat(cut.config().layers()).isEqualTo(plan.layerShapes(dense.config()));
        assertThat(masked.config()).isEqualTo(dense.config());
        assertThat(finalHidden(cut, WeightTransform.NONE))
            .containsExactly(inMemory, within(ADDED_IN_ANOTHER_ORDER));
        // the zeroed queries, keys and values change nothing but what zero columns read
        assertThat(finalHidden(masked, WeightTransform.NONE)).isEqualTo(inMemory);
      }
    }
  }

  @Test
  void aMaskedModelHasTheDenseConfigAndZerosInProducersAndConsumers() throws IOException {
    try (CausalLm dense = CausalLm.open(TestModels.folder("bloom-pow2", temp))) {
      // GIVEN heads 1 and 7 of eight stay in layer 0
      PruningPlan plan = unevenPlan(dense);

      // WHEN
      Path target = write(dense, plan, new MaskedExport());

      // THEN
      try (Checkpoint checkpoint = Checkpoint.open(target)) {
        assertThat(checkpoint.config()).isEqualTo(dense.checkpoint().config());
        assertThat(checkpoint.tensors()).isEqualTo(dense.checkpoint().tensors());
      }
      try (CausalLm masked = CausalLm.open(target)) {
        String bias = "transformer.h.0.self_attention.query_key_value.bias";
        try (var weights = masked.layer(0);
            var denseWeights = dense.layer(0)) {
          float[] zeroed = weights.read(bias, null).toFloatArray();
          float[] before = denseWeights.read(bias, null).toFloatArray();
          for (int row = 0; row < zeroed.length; row++) {
            int head = row / (3 * 8);
            assertThat(zeroed[row]).isEqualTo(head == 1 || head == 7 ? before[row] : 0f);
          }
        }
      }
      assertThat(Files.readString(target.resolve("minillm-manifest.json")))
          .contains("\"export\": \"masked\"");
    }
  }

  @Test
  void theReportSaysWhatTransformersTakesOfEachForm() throws IOException {
    try (CausalLm dense = CausalLm.open(TestModels.folder("opt-gelu", temp))) {
      // GIVEN
      PruningPlan plan = unevenPlan(dense);

      // WHEN
      PruningReport cut = PruningReport.of(dense, plan, new CutExport());
      PruningReport masked = PruningReport.of(dense, plan, new MaskedExport());

      // THEN
      assertThat(cut.stockLoaderObstacle()).isEmpty();
      assertThat(cut.reasonForCode())
          .hasValueSatisfying(why -> assertThat(why).startsWith("layers differ in size"));
      assertThat(masked.stockLoaderObstacle()).isEmpty();
      assertThat(masked.bytesAfter()).isEqualTo(masked.bytesBefore());
      assertThat(masked.parametersAfter()).isEqualTo(cut.parametersAfter());
    }
  }

  @Test
  void aBloomPrunedTwiceComputesWhatOnePlanForBothWould() throws IOException {
    try (CausalLm dense = CausalLm.open(TestModels.folder("bloom-pow2", temp))) {
      // GIVEN heads 1, 4, 6, 7 of eight are left in layer 0
      GroupId heads = new GroupId(0, GroupKind.ATTENTION_HEADS);
      PruningPlan nothing =
          new PruningPlan(
              ModelFingerprint.of(dense.config(), dense.checkpoint().sha256OfSamples()),
              Map.of(),
              Map.of());
      Path once =
          write(dense, nothing.withKept(heads, ImmutableIntArray.of(1, 4, 6, 7)), new CutExport());

      // WHEN the first and the third of those go
      Path twice = temp.resolve("twice");
      try (CausalLm pruned = CausalLm.open(once)) {
        PruningPlan second =
            new PruningPlan(
                    ModelFingerprint.of(pruned.config(), pruned.checkpoint().sha256OfSamples()),
                    Map.of(),
                    Map.of())
                .withKept(heads, ImmutableIntArray.of(1, 3));
        new CheckpointCutter(new PassRunner(pruned), second).write(twice, false);
      }

      // THEN it is the model with the heads 4 and 7, and their slopes
      Path direct = temp.resolve("direct");
      new CheckpointCutter(
              new PassRunner(dense), nothing.withKept(heads, ImmutableIntArray.of(4, 7)))
          .write(direct, false);
      try (CausalLm one = CausalLm.open(direct);
          CausalLm two = CausalLm.open(twice)) {
        assertThat(two.config()).isEqualTo(one.config());
        assertThat(finalHidden(two, WeightTransform.NONE))
            .isEqualTo(finalHidden(one, WeightTransform.NONE));
      }
    }
  }
}
