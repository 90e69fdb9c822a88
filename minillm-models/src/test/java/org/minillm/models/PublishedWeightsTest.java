package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.cut.CheckpointCutter;
import org.minillm.core.journal.Journal;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.runtime.ResidualStream;
import org.minillm.criteria.Magnitude;
import org.minillm.models.testing.Passes;

/** Models of pytorch_model.bin, one file or shards, as OPT and BLOOM are published. */
class PublishedWeightsTest {

  private static final double TOLERANCE = 2e-5;

  @TempDir Path temp;

  private static Path folder(String name) {
    return Path.of("src/test/resources/pytorch", name);
  }

  @ParameterizedTest
  @ValueSource(strings = {"opt", "bloom"})
  void logitsAreThoseOfTransformers(String name) throws IOException {
    // GIVEN
    try (Goldens goldens = Goldens.in(folder(name).resolve("golden.safetensors"));
        CausalLm model = CausalLm.open(folder(name))) {
      // WHEN
      float[] logits = logits(model, goldens);

      // THEN
      float[] expected = goldens.floats("logits");
      assertThat(logits).hasSameSizeAs(expected);
      for (int i = 0; i < logits.length; i++) {
        assertThat(logits[i])
            .isCloseTo(
                expected[i], within((float) (TOLERANCE * Math.max(1, Math.abs(expected[i])))));
      }
    }
  }

  private static float[] logits(CausalLm model, Goldens goldens) throws IOException {
    try (ForwardPass pass = new ForwardPass(model)) {
      ResidualStream stream = pass.add(goldens.ids("ids"), WeightTransform.NONE, BlockTap.NONE);
      pass.run();
      NDArray normed = pass.normed(stream).get(0);
      return Passes.logits(model, normed.reshape(-1, normed.getShape().get(2)));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"opt", "bloom"})
  void thePrunedModelIsWrittenAsSafetensors(String name) throws IOException {
    // GIVEN
    Path target = temp.resolve("pruned");
    try (CausalLm model = CausalLm.open(folder(name))) {
      StructuredPruner pruner =
          StructuredPruner.builder(new Magnitude(), PruningTarget.of(0.5, GroupKind.MLP_CHANNELS))
              .build();

      // WHEN
      new CheckpointCutter(
              new PassRunner(model, PassListener.SILENT, Journal.NONE), pruner.plan(model, null))
          .write(target, false);
    }

    // THEN
    assertThat(Files.exists(target.resolve("model.safetensors"))).isTrue();
    assertThat(Files.exists(target.resolve("pytorch_model.bin"))).isFalse();
    try (CausalLm pruned = CausalLm.open(target)) {
      assertThat(pruned.config().layers().get(0).intermediateSize())
          .isEqualTo(name.equals("opt") ? 16 : 32);
    }
  }
}
