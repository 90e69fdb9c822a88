package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.calibration.CalibrationSet;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.GroupKind;
import org.minillm.core.model.MemoryBudget;
import org.minillm.core.model.Sweep;
import org.minillm.core.pruning.PruningTarget;
import org.minillm.core.pruning.StructuredPruner;
import org.minillm.criteria.Fms;
import org.minillm.criteria.LeastSquares;
import org.minillm.criteria.Magnitude;
import org.minillm.criteria.Obs;
import org.minillm.criteria.SensitivityAllocation;
import org.minillm.criteria.Spsa;

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
      model.reserve(16L << 30);

      // THEN
      assertThat(model.residentLayers()).isZero();
      assertThat(gate.isReleased()).isTrue();
      model.reserve(0);
      assertThat(model.residentLayers()).isEqualTo(4);
      assertThat(model.layer(0).read(GATE, null).toFloatArray()).isEqualTo(before);
    }
  }

  @Test
  void pruningForecastsItsStreamsAndItsSecondMoments() throws IOException {
    // GIVEN 2 windows of 5 tokens, hidden size 192, 512 channels: a stream of 7,680 bytes, second
    // moments of 20 bytes each
    CalibrationSet data = CalibrationSet.evenlySpaced("ids", new int[10], 2, 5);
    PruningTarget target = PruningTarget.of(0.2, GroupKind.MLP_CHANNELS);
    try (CausalLm model = CausalLm.open(TestModels.folder("tiny-llama", temp))) {
      // THEN
      assertThat(
              StructuredPruner.builder(new Fms(), target)
                  .gradientEstimator(new Spsa())
                  .build()
                  .workingBytes(model, data))
          .isEqualTo(4 * 7_680);
      assertThat(StructuredPruner.builder(new Obs(), target).build().workingBytes(model, data))
          .isEqualTo(7_680 + 20 * 512 * 512);
      assertThat(
              StructuredPruner.builder(new Obs(), target)
                  .restoration(new LeastSquares())
                  .build()
                  .workingBytes(model, data))
          .isEqualTo(5 * 7_680 + 20 * 512 * 512);
      assertThat(
              StructuredPruner.builder(new Magnitude(), target)
                  .allocation(new SensitivityAllocation())
                  .build()
                  .workingBytes(model, data))
          .isEqualTo(2 * Sweep.tokensPerSweep(model) * 192 * 4);
      assertThat(StructuredPruner.builder(new Obs(), target).build().workingBytes(model, null))
          .isZero();
    }
  }
}
