package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.cut.CutExport;
import org.minillm.core.cut.Export;
import org.minillm.core.cut.PruningReport;
import org.minillm.core.cut.WrittenModel;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.PassListener;
import org.minillm.criteria.LeastSquares;
import org.minillm.criteria.Magnitude;
import org.minillm.models.testing.Passes;

/** What was written is opened again, and computes what the masked model does. */
class WrittenCheckTest {

  /** Logits of some units; sums in another order differ in the last bits. */
  private static final double LAST_BITS = 1e-4;

  @TempDir Path temp;

  private OptionalDouble difference(String name, Export export, boolean restores)
      throws IOException {
    try (CausalLm model = CausalLm.open(TestModels.folder(name, temp))) {
      CalibrationSet data = Passes.windows(model);
      StructuredPruner pruner =
          StructuredPruner.builder(
                  new Magnitude(),
                  PruningTarget.of(0.3, GroupKind.MLP_CHANNELS, GroupKind.ATTENTION_HEADS))
              .restoration(
                  restores
                      ? new LeastSquares().with(Map.of("value-ridge", "0.01", "noise", "12"))
                      : null)
              .export(export)
              .build();
      PruningReport report =
          pruner.apply(model, pruner.plan(model, data), data, temp.resolve("small"));
      return report.logitsDifference();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"llama-gqa-bias", "llama-bf16", "qwen3-qknorm", "opt-350m-style", "bloom-postln"})
  void aRestoredModelComputesWhatTheMaskedOneDoes(String name) throws IOException {
    assertThat(difference(name, new CutExport(), true).orElseThrow()).isLessThan(LAST_BITS);
  }

  @Test
  void soDoesOneThatIsCutOnly() throws IOException {
    assertThat(difference("llama-gqa-bias", new CutExport(), false).orElseThrow())
        .isLessThan(LAST_BITS);
  }

  /** Writes zeros in place of one tensor. */
  private static final class Faulty implements Export {
    private final Export whole = new CutExport();

    @Override
    public String name() {
      return "faulty";
    }

    @Override
    public void checkTarget(Path target, boolean overwrite, @Nullable Path source)
        throws IOException {
      whole.checkTarget(target, overwrite, source);
    }

    @Override
    public void write(WrittenModel model, Path target, boolean overwrite, PassListener listener)
        throws IOException {
      List<TensorOutput> tensors =
          model.tensors().stream()
              .map(
                  tensor ->
                      tensor.info().name().endsWith("1.self_attn.v_proj.weight")
                          ? zeros(tensor.info())
                          : tensor)
              .toList();
      whole.write(
          new WrittenModel(
              model.source(),
              model.layers(),
              ImmutableList.copyOf(tensors),
              model.texts(),
              model.facts()),
          target,
          overwrite,
          listener);
    }

    private static TensorOutput zeros(TensorInfo info) {
      return new TensorOutput(
          info, out -> out.write(ByteBuffer.wrap(new byte[Math.toIntExact(info.bytes())])));
    }
  }

  @Test
  void aTensorThatWasWrittenWrongIsNoticed() throws IOException {
    assertThat(difference("llama-gqa-bias", new Faulty(), false).orElseThrow())
        .isGreaterThan(100 * LAST_BITS);
  }
}
