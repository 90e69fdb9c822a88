package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.calibration.CalibrationSet;
import org.minillm.core.journal.Journal;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.GroupKind;
import org.minillm.core.model.InputTap;
import org.minillm.core.model.MemoryBudget;
import org.minillm.core.model.MemoryForecast;
import org.minillm.core.model.PassListener;
import org.minillm.core.model.Strand;
import org.minillm.core.model.Sweep;
import org.minillm.core.model.WeightTransform;
import org.minillm.core.pruning.CheckpointCutter;
import org.minillm.core.pruning.Export;
import org.minillm.core.pruning.PruningPlan;
import org.minillm.core.pruning.PruningTarget;
import org.minillm.core.pruning.Refit;
import org.minillm.core.pruning.StructuredPruner;
import org.minillm.criteria.Fms;
import org.minillm.criteria.LeastSquares;
import org.minillm.criteria.Magnitude;
import org.minillm.criteria.Obs;
import org.minillm.criteria.SensitivityAllocation;
import org.minillm.criteria.Spsa;
import org.minillm.models.testing.Passes;
import org.minillm.models.testing.StoredBytes;

class ReservedMemoryTest {

  private static final String GATE = "model.layers.0.mlp.gate_proj.weight";

  @TempDir Path temp;

  @Test
  void layersThatNoLongerFitLeaveAndComeBackTheSame() throws IOException {
    // GIVEN all layers in memory
    try (CausalLm model =
        CausalLm.open(TestModels.folder("tiny-llama", temp), new MemoryBudget(8L << 30))) {
      NDArray gate = model.layer(0).read(GATE, null);
      float[] before = gate.toFloatArray();
      assertThat(model.residentLayers()).isEqualTo(4);

      // WHEN
      model.reserve(model.memoryForecast().plus(16L << 30));

      // THEN
      assertThat(model.residentLayers()).isZero();
      assertThat(gate.isReleased()).isTrue();
      model.reserve(model.memoryForecast());
      assertThat(model.residentLayers()).isEqualTo(4);
      assertThat(model.layer(0).read(GATE, null).toFloatArray()).isEqualTo(before);
    }
  }

  @Test
  void streamsWithoutRoomWaitOnTheDiskAndGiveTheSameLosses() throws IOException {
    Path folder = TestModels.folder("tiny-llama", temp);
    try (CausalLm model = CausalLm.open(folder, new MemoryBudget(8L << 30))) {
      // GIVEN a sweep with streams in memory
      List<int[]> windows = Passes.windows(model).windows();
      double[] inMemory = losses(model, windows);
      assertThat(model.spillsStreams()).isFalse();

      // WHEN so much was reserved that they have no room
      model.reserve(model.memoryForecast().withStreams(16L << 30));
      assertThat(model.spillsStreams()).isTrue();

      // THEN the losses are the same to the bit, and beside the model there is nothing new
      List<Path> before = files(folder);
      assertThat(losses(model, windows)).isEqualTo(inMemory);
      assertThat(files(folder)).isEqualTo(before);
    }
  }

  @Test
  void layersThatAreReadAheadAndDoNotStayGiveTheSameLosses() throws IOException {
    try (CausalLm model =
        CausalLm.open(TestModels.folder("tiny-llama", temp), new MemoryBudget(8L << 30))) {
      // GIVEN all layers in memory
      List<int[]> windows = Passes.windows(model).windows();
      double[] inMemory = losses(model, windows);

      // WHEN just so much is reserved that none stays: one that is read ahead has room
      MemoryForecast own = model.memoryForecast();
      long some = 0;
      long none = 16L << 30;
      while (none - some > own.largestBlockBytes() / 4) {
        long middle = (some + none) / 2;
        model.reserve(own.plus(middle));
        if (model.residentLayers() == 0) {
          none = middle;
        } else {
          some = middle;
        }
      }
      model.reserve(own.plus(none));
      assertThat(model.residentLayers()).isZero();
      assertThat(model.readsAhead()).isTrue();

      // THEN the losses are the same to the bit, as they are when nothing is read ahead
      assertThat(losses(model, windows)).isEqualTo(inMemory);
      model.reserve(own.plus(16L << 30));
      assertThat(model.readsAhead()).isFalse();
      assertThat(losses(model, windows)).isEqualTo(inMemory);
    }
  }

  @Test
  void restoringAnEditedPlanReservesItsStreams() throws IOException {
    Path folder = TestModels.folder("llama-gqa-bias", temp);
    try (CausalLm roomy = CausalLm.open(folder);
        CausalLm tight = CausalLm.open(folder, new MemoryBudget(1))) {
      // GIVEN a plan
      CalibrationSet data = Passes.windows(roomy);
      PruningTarget target = PruningTarget.of(0.3, GroupKind.MLP_CHANNELS);
      PruningPlan plan = StructuredPruner.builder(new Obs(), target).build().plan(roomy, data);

      // WHEN it is written with a restoration, with room for the streams and without
      for (CausalLm model : List.of(roomy, tight)) {
        new CheckpointCutter(
                model,
                plan,
                new Refit(new LeastSquares(), data, Journal.NONE),
                Export.CUT,
                PassListener.SILENT)
            .write(temp.resolve(model == roomy ? "roomy" : "tight"), false);
      }

      // THEN the streams waited on the disk, and the files are the same
      assertThat(tight.spillsStreams()).isTrue();
      assertThat(roomy.spillsStreams()).isFalse();
      assertThat(StoredBytes.digests(temp.resolve("tight")))
          .isEqualTo(StoredBytes.digests(temp.resolve("roomy")));
    }
  }

  @Test
  void aSpilledStreamIsShownAfterEveryLayer() throws IOException {
    try (CausalLm model =
        CausalLm.open(TestModels.folder("tiny-llama", temp), new MemoryBudget(8L << 30))) {
      // GIVEN the stream in memory after every layer
      List<float[]> expected = hiddenAfterEveryLayer(model);

      // WHEN it waits on the disk
      model.reserve(model.memoryForecast().withStreams(16L << 30));

      // THEN it is the same
      assertThat(hiddenAfterEveryLayer(model)).containsExactlyElementsOf(expected);
    }
  }

  private static double[] losses(CausalLm model, List<int[]> windows) throws IOException {
    try (Sweep sweep = new Sweep(model)) {
      Strand strand = sweep.add(windows, WeightTransform.NONE, InputTap.NONE);
      sweep.run(layer -> {});
      return sweep.windowNegativeLogLikelihoods(List.of(strand)).get(0);
    }
  }

  /** Of all micro-batches, one after the other. */
  private static List<float[]> hiddenAfterEveryLayer(CausalLm model) throws IOException {
    List<float[]> hidden = new ArrayList<>();
    try (Sweep sweep = new Sweep(model)) {
      Strand strand =
          sweep.add(Passes.windows(model).windows(), WeightTransform.NONE, InputTap.NONE);
      sweep.run(
          layer -> {
            List<NDArray> batches = strand.hidden();
            assertThat(batches).hasSizeGreaterThan(1);
            batches.forEach(batch -> hidden.add(batch.toFloatArray()));
          });
    }
    return hidden;
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }

  @Test
  void pruningForecastsItsStreamsAndItsSecondMoments() throws IOException {
    // GIVEN 2 windows of 5 tokens, hidden size 192, 512 channels: a stream of 7,680 bytes, second
    // moments of 20 bytes each
    CalibrationSet data = CalibrationSet.evenlySpaced("ids", new int[10], 2, 5);
    PruningTarget target = PruningTarget.of(0.2, GroupKind.MLP_CHANNELS);
    try (CausalLm model = CausalLm.open(TestModels.folder("tiny-llama", temp))) {
      MemoryForecast own = model.memoryForecast();

      // THEN
      assertThat(
              StructuredPruner.builder(new Fms(), target)
                  .gradientEstimator(new Spsa())
                  .build()
                  .memoryForecast(model, data))
          .isEqualTo(own.withStreams(4 * 7_680));
      assertThat(StructuredPruner.builder(new Obs(), target).build().memoryForecast(model, data))
          .isEqualTo(own.withStreams(7_680).plus(20 * 512 * 512));
      assertThat(
              StructuredPruner.builder(new Obs(), target)
                  .restoration(new LeastSquares().with(Map.of("values", "0", "noise", "0")))
                  .build()
                  .memoryForecast(model, data))
          .isEqualTo(own.withStreams(5 * 7_680).plus(20 * 512 * 512));
      assertThat(
              StructuredPruner.builder(new Obs(), target)
                  .restoration(new LeastSquares().with(Map.of("values", "0")))
                  .build()
                  .memoryForecast(model, data))
          .isEqualTo(own.withStreams(6 * 7_680).plus(20 * 512 * 512));
      assertThat(
              StructuredPruner.builder(new Magnitude(), target)
                  .allocation(new SensitivityAllocation())
                  .build()
                  .memoryForecast(model, data))
          .isEqualTo(own.withStreams(2 * Sweep.tokensPerSweep(model) * 192 * 4));
      assertThat(StructuredPruner.builder(new Obs(), target).build().memoryForecast(model, null))
          .isEqualTo(own);
    }
  }
}
