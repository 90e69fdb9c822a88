package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.evaluation.Perplexity;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.Tokenizer;
import org.minillm.criteria.Magnitude;

/** What is closed says so. */
class ClosedModelTest {

  @TempDir Path temp;

  /** Something that a program may do with a model. */
  private interface Use {
    Object of(CausalLm model) throws IOException;
  }

  private static List<Use> uses() {
    return List.of(
        model ->
            StructuredPruner.builder(new Magnitude(), PruningTarget.of(0.2, GroupKind.MLP_CHANNELS))
                .build()
                .plan(model, null),
        model -> Perplexity.measure(model, "text", new int[64], 16, 2, PassListener.SILENT),
        model -> model.layer(0),
        CausalLm::tokenizer,
        CausalLm::endTokens);
  }

  @ParameterizedTest
  @MethodSource("uses")
  void modelThatIsClosedIsOfNoUse(Use use) throws IOException {
    // GIVEN a model that was closed, twice
    Path folder = TestModels.folder("tiny-llama", temp);
    CausalLm model = CausalLm.open(folder);
    model.close();
    model.close();
    // THEN
    assertThatThrownBy(() -> use.of(model))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the model of " + folder + " is closed; open it again");
  }

  @Test
  void closedModelTellsWhatItWas() throws IOException {
    CausalLm model = CausalLm.open(TestModels.folder("llama-gqa-bias", temp));
    model.close();
    assertThat(model.config().layers()).hasSize(2);
    assertThat(model.checkpoint().tensors()).isNotEmpty();
  }

  @Test
  void checkpointThatIsClosedCannotBeRead() throws IOException {
    Path folder = TestModels.folder("llama-gqa-bias", temp);
    Checkpoint checkpoint = Checkpoint.open(folder);
    checkpoint.close();
    checkpoint.close();
    assertThatThrownBy(checkpoint::sha256OfSamples)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(folder.resolve("model.safetensors") + " is closed; open its folder again");
  }

  @Test
  void interruptEndsTheReadOfItsThreadAndNoOther() throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(TestModels.folder("llama-gqa-bias", temp))) {
      String expected = checkpoint.sha256OfSamples();
      // GIVEN a thread that is interrupted before it reads
      Thread.currentThread().interrupt();
      // THEN it is told, and stays interrupted
      assertThatThrownBy(checkpoint::sha256OfSamples)
          .isInstanceOf(ClosedByInterruptException.class);
      assertThat(Thread.interrupted()).isTrue();
      // THEN the next one reads the same
      assertThat(checkpoint.sha256OfSamples()).isEqualTo(expected);
    }
  }

  @Test
  void tokenizerThatIsClosedIsOfNoUse() throws IOException {
    try (CausalLm model = CausalLm.open(TestModels.folder("tiny-llama", temp))) {
      Tokenizer tokenizer = model.tokenizer();
      tokenizer.close();
      tokenizer.close();
      assertThatThrownBy(() -> tokenizer.encode("text"))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageEndingWith("tokenizer.json is closed; open it again");
    }
  }
}
