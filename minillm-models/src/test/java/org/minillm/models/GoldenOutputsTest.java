package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.MemoryBudget;
import org.minillm.core.runtime.ResidualStream;
import org.minillm.models.testing.Passes;

/** What the models compute, against Hugging Face transformers on the same weights and tokens. */
class GoldenOutputsTest {

  /**
   * Both sides compute in float32 and add in another order; the goldens are within 2e-5 of float64.
   */
  private static final double RELATIVE = 2e-5;

  private static final double ABSOLUTE = 2e-5;

  private static final MemoryBudget ONE_BLOCK = new MemoryBudget(1);

  @TempDir static Path temp;

  private static CausalLm open(String name, MemoryBudget budget) throws IOException {
    return CausalLm.open(TestModels.folder(name, temp), budget);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama-mha-untied",
        "llama-gqa-bias",
        "llama3-rope",
        "llama-sharded",
        "llama-bf16",
        "mistral-gqa",
        "qwen3-qknorm",
        "opt-350m-style",
        "opt-gelu",
        "bloom-pow2",
        "bloom-postln",
        "tiny-llama",
        "tiny-opt",
        "tiny-bloom"
      })
  void hiddenStatesLogitsAndLossAreThoseOfTransformers(String name) throws IOException {
    // GIVEN a model and what transformers computed with it
    try (Goldens goldens = Goldens.of(name);
        CausalLm model = open(name, MemoryBudget.ofThisMachine());
        ForwardPass pass = new ForwardPass(model)) {
      // WHEN its tokens go through our blocks
      ResidualStream stream =
          pass.add(goldens.ids("input_ids"), WeightTransform.NONE, BlockTap.NONE);
      List<float[]> hidden = new ArrayList<>();
      Passes.run(model, pass, stream, () -> hidden.add(onlyBatch(stream)));

      // THEN every hidden state, the last norm, the logits and the loss are the same
      float[] expected = goldens.floats("hidden_states");
      int size = hidden.get(0).length;
      for (int i = 0; i < hidden.size(); i++) {
        assertClose("hidden state " + i, hidden.get(i), expected, i * size);
      }
      NDArray normed = pass.normed(stream).get(0);
      assertClose("final hidden", normed.toFloatArray(), goldens.floats("final_hidden"), 0);
      assertClose("logits", lastLogits(model, normed, goldens), goldens.floats("logits"), 0);
      double[] losses = pass.windowLosses(List.of(stream)).get(0);
      assertThat((losses[0] + losses[1]) / 2)
          .isCloseTo(goldens.floats("loss")[0], within(LOSS_TOLERANCE));
    }
  }

  /** The stored loss is a float32. */
  private static final double LOSS_TOLERANCE = 1e-5;

  @ParameterizedTest
  @ValueSource(
      strings = {"llama-gqa-bias", "llama-bf16", "opt-350m-style", "bloom-postln", "tiny-llama"})
  void oneBlockInMemoryGivesTheSameBitsAsAllOfThem(String name) throws IOException {
    // GIVEN the same model with memory for all its blocks and for one
    try (Goldens goldens = Goldens.of(name);
        CausalLm all = open(name, MemoryBudget.ofThisMachine());
        CausalLm one = open(name, ONE_BLOCK)) {
      assertThat(one.residentLayers()).isZero();
      assertThat(all.residentLayers()).isEqualTo(all.config().layers().size());

      // WHEN both run twice, so that the blocks of the first come from memory
      float[] first = finalHidden(all, goldens.ids("input_ids"));
      float[] fromMemory = finalHidden(all, goldens.ids("input_ids"));
      float[] fromFile = finalHidden(one, goldens.ids("input_ids"));

      // THEN the results are equal to the bit
      assertThat(fromMemory).isEqualTo(first);
      assertThat(fromFile).isEqualTo(first);
    }
  }

  private static float[] finalHidden(CausalLm model, List<int[]> ids) throws IOException {
    try (ForwardPass pass = new ForwardPass(model)) {
      ResidualStream stream = pass.add(ids, WeightTransform.NONE, BlockTap.NONE);
      pass.run();
      return pass.normed(stream).get(0).toFloatArray();
    }
  }

  /** The logits of as many last positions as the goldens hold. */
  static float[] lastLogits(CausalLm model, NDArray normed, Goldens goldens) throws IOException {
    long time = goldens.array("logits").getShape().get(1);
    long width = normed.getShape().get(2);
    return Passes.logits(model, normed.get(":, -" + time + ":").reshape(-1, width));
  }

  private static float[] onlyBatch(ResidualStream stream) throws IOException {
    assertThat(stream.hidden()).hasSize(1);
    return stream.hidden().get(0).toFloatArray();
  }

  private static void assertClose(String what, float[] actual, float[] expected, int offset) {
    for (int i = 0; i < actual.length; i++) {
      float reference = expected[offset + i];
      assertThat(actual[i])
          .as("%s, element %d", what, i)
          .isCloseTo(reference, within((float) (ABSOLUTE + RELATIVE * Math.abs(reference))));
    }
  }
}
