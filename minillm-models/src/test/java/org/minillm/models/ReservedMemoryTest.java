package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.cut.CheckpointCutter;
import org.minillm.core.evaluation.Generation;
import org.minillm.core.evaluation.LogitsFile;
import org.minillm.core.evaluation.Perplexity;
import org.minillm.core.evaluation.Sampling;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.journal.Journal;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.MemoryBudget;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.runtime.ResidualStream;
import org.minillm.criteria.Fms;
import org.minillm.criteria.LeastSquares;
import org.minillm.criteria.Magnitude;
import org.minillm.criteria.Obs;
import org.minillm.criteria.Spsa;
import org.minillm.lab.SensitivityAllocation;
import org.minillm.models.testing.Passes;
import org.minillm.models.testing.StoredBytes;

class ReservedMemoryTest {

  private static final String GATE = "model.layers.0.mlp.gate_proj.weight";

  private static final MemoryBudget BUDGET = new MemoryBudget(8L << 30);

  @TempDir Path temp;

  /** What the budget leaves beside the least that there is to do. */
  private static long allOf(CausalLm model) {
    return BUDGET.bytes() - model.memoryForecast().smallestBudget();
  }

  @Test
  void layersThatNoLongerFitLeaveAndComeBackTheSame() throws IOException {
    // GIVEN all layers in memory
    try (CausalLm model = CausalLm.open(TestModels.folder("tiny-llama", temp), BUDGET)) {
      NDArray gate = model.layer(0).read(GATE, null);
      float[] before = gate.toFloatArray();
      assertThat(model.residentLayers()).isEqualTo(4);

      // WHEN
      model.reserve(model.memoryForecast().plus(allOf(model)));

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
    try (CausalLm model = CausalLm.open(folder, BUDGET)) {
      // GIVEN a pass with streams in memory
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
    try (CausalLm model = CausalLm.open(TestModels.folder("tiny-llama", temp), BUDGET)) {
      // GIVEN all layers in memory
      List<int[]> windows = Passes.windows(model).windows();
      double[] inMemory = losses(model, windows);

      // WHEN just so much is reserved that none stays: one that is read ahead has room
      MemoryForecast own = model.memoryForecast();
      long some = 0;
      long none = allOf(model);
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
      model.reserve(own.plus(allOf(model)));
      assertThat(model.readsAhead()).isFalse();
      assertThat(losses(model, windows)).isEqualTo(inMemory);
    }
  }

  @Test
  void restoringAnEditedPlanReservesItsStreams() throws IOException {
    Path folder = TestModels.folder("llama-gqa-bias", temp);
    try (CausalLm roomy = CausalLm.open(folder)) {
      // GIVEN a plan
      CalibrationSet data = Passes.windows(roomy);
      PruningTarget target = PruningTarget.of(0.3, GroupKind.MLP_CHANNELS);
      PruningPlan plan = StructuredPruner.builder(new Obs(), target).build().plan(roomy, data);
      Map<CausalLm, Boolean> spilled = new HashMap<>();
      CheckpointCutter cutter = restoring(roomy, plan, data, spilled);

      // WHEN it is written with a restoration, with room for the streams and without
      cutter.write(temp.resolve("roomy"), false);
      long smallest = cutter.memoryForecast().smallestBudget();
      try (CausalLm tight = CausalLm.open(folder, new MemoryBudget(smallest))) {
        restoring(tight, plan, data, spilled).write(temp.resolve("tight"), false);

        // THEN the streams waited on the disk, and the files are the same
        assertThat(spilled).containsOnly(Map.entry(tight, true), Map.entry(roomy, false));
        assertThat(StoredBytes.digests(temp.resolve("tight")))
            .isEqualTo(StoredBytes.digests(temp.resolve("roomy")));
      }
    }
  }

  /** Notes where the streams are while the model is restored. */
  private static CheckpointCutter restoring(
      CausalLm model, PruningPlan plan, CalibrationSet data, Map<CausalLm, Boolean> spilled)
      throws IOException {
    PassListener listener =
        new PassListener() {
          @Override
          public void passStarted(String pass, long steps) {
            if (pass.equals("restore")) {
              spilled.put(model, model.spillsStreams());
            }
          }
        };
    return new CheckpointCutter(new PassRunner(model, listener, Journal.NONE), plan)
        .restoring(new LeastSquares(), data);
  }

  @Test
  void aSpilledStreamIsShownAfterEveryLayer() throws IOException {
    try (CausalLm model = CausalLm.open(TestModels.folder("tiny-llama", temp), BUDGET)) {
      // GIVEN the stream in memory after every layer
      List<float[]> expected = hiddenAfterEveryLayer(model);

      // WHEN it waits on the disk
      model.reserve(model.memoryForecast().withStreams(16L << 30));

      // THEN it is the same
      assertThat(hiddenAfterEveryLayer(model)).containsExactlyElementsOf(expected);
    }
  }

  private static double[] losses(CausalLm model, List<int[]> windows) throws IOException {
    try (ForwardPass pass = new ForwardPass(model)) {
      ResidualStream stream = pass.add(windows, WeightTransform.NONE, BlockTap.NONE);
      pass.run();
      return pass.windowLosses(List.of(stream)).get(0);
    }
  }

  /** Of all micro-batches, one after the other. */
  private static List<float[]> hiddenAfterEveryLayer(CausalLm model) throws IOException {
    List<float[]> hidden = new ArrayList<>();
    try (ForwardPass pass = new ForwardPass(model)) {
      ResidualStream stream =
          pass.add(Passes.windows(model).windows(), WeightTransform.NONE, BlockTap.NONE);
      Passes.run(
          model,
          pass,
          stream,
          () -> {
            List<NDArray> batches = stream.hidden();
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
  void theWorkGrowsWithTheWindow() throws IOException {
    try (CausalLm model = CausalLm.open(TestModels.folder("tiny-llama", temp))) {
      // GIVEN hidden size 192, 6 query heads and 3 key-value heads of 32, 512 channels: a layer of
      // 2 * 192 * 192 + 2 * 192 * 96 + 3 * 192 * 512 weights
      long block = 4 * (2 * 192 * 192 + 2 * 192 * 96 + 3 * 192 * 512);

      // WHEN 8 windows of 128 go together: 1,024 tokens, scores before and after the softmax, mask
      // and rotary tables, and a chunk of the head with three pieces of logits
      MemoryForecast ofShort = model.memoryForecast(128);

      // THEN
      assertThat(ofShort.largestBlockBytes()).isEqualTo(block);
      assertThat(ofShort.allBlocksBytes()).isEqualTo(4 * block);
      assertThat(ofShort.workingBytes())
          .isEqualTo(
              2 * block
                  + 11 * 1024 * 704 * 4
                  + 2 * (8 * 6 * 128 * 128 * 4)
                  + 8 * 128 * 128 * 4
                  + 8 * 128 * 2 * 32 * 4
                  + (4 << 20) * (1 + 3));

      // WHEN a window of 4,096 goes alone: 64 MiB of scores are 682 queries, with their own mask
      MemoryForecast ofLong = model.memoryForecast(4096);

      // THEN
      assertThat(ofLong.workingBytes())
          .isEqualTo(
              2 * block
                  + 11 * 4096 * 704 * 4
                  + 2 * (682 * 6 * 4096 * 4)
                  + 682 * 4096 * 4
                  + 4096 * 2 * 32 * 4
                  + (4 << 20) * (1 + 3 * 4));
    }
  }

  @Test
  void measurementsForecastWhatTheyHold() throws IOException {
    try (CausalLm model = CausalLm.open(TestModels.folder("tiny-llama", temp))) {
      // 3 windows: their hidden states, and what the head reads of them; 87,381 tokens of a pass
      // are 21 windows of 4,096
      assertThat(Perplexity.memoryForecast(model, 128, 3))
          .isEqualTo(model.memoryForecast(128).withStreams(2 * 3 * 128 * 192 * 4));
      assertThat(Perplexity.memoryForecast(model, 4096, 80))
          .isEqualTo(model.memoryForecast(4096).withStreams(2 * 21 * 4096 * 192 * 4));

      // 2 prompts of 5 tokens and 7 new ones: keys and values of 4 layers and once more of one, and
      // four times the logits of 4,096 tokens
      MemoryForecast generation =
          new Generation(model, Sampling.GREEDY, 7, Set.of())
              .memoryForecast(List.of(new int[5], new int[5], new int[4]));
      assertThat(generation.workingBytes())
          .isEqualTo(
              model.memoryForecast(2, 5).workingBytes()
                  + 2 * 12 * 5 * (2 * 96 * 4)
                  + 4 * 2 * 4096 * 4);
      assertThat(generation.headBytes()).isEqualTo(4096 * 192 * 4);

      // hidden states in a stream and normed, and three buffers of 32 MiB
      assertThat(LogitsFile.memoryForecast(model, List.of(new int[9], new int[9])))
          .isEqualTo(
              model
                  .memoryForecast(9)
                  .withStreams(2 * 9 * 192 * 4)
                  .plus(2 * 9 * 192 * 4 + (96 << 20)));
    }
  }

  @Test
  void pruningForecastsItsStreamsAndItsSecondMoments() throws IOException {
    // GIVEN 2 windows of 5 tokens, hidden size 192, 512 channels: a stream of 7,680 bytes, second
    // moments of 20 bytes each
    CalibrationSet data = CalibrationSet.evenlySpaced("ids", new int[10], 2, 5);
    PruningTarget target = PruningTarget.of(0.2, GroupKind.MLP_CHANNELS);
    try (CausalLm model = CausalLm.open(TestModels.folder("tiny-llama", temp))) {
      MemoryForecast own = model.memoryForecast(5);

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
                  .restoration(new LeastSquares().with(Map.of("value-ridge", "0", "noise", "0")))
                  .build()
                  .memoryForecast(model, data))
          .isEqualTo(own.withStreams(3 * 7_680).plus(20 * 512 * 512));
      assertThat(
              StructuredPruner.builder(new Obs(), target)
                  .restoration(new LeastSquares().with(Map.of("value-ridge", "0")))
                  .build()
                  .memoryForecast(model, data))
          .isEqualTo(own.withStreams(4 * 7_680).plus(20 * 512 * 512));
      assertThat(
              StructuredPruner.builder(new Magnitude(), target)
                  .allocation(new SensitivityAllocation())
                  .build()
                  .memoryForecast(model, data))
          .isEqualTo(
              model.memoryForecast().withStreams(2 * ForwardPass.tokensAtOnce(model) * 192 * 4));
      assertThat(StructuredPruner.builder(new Obs(), target).build().memoryForecast(model, null))
          .isEqualTo(model.memoryForecast());
    }
  }
}
