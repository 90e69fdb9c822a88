package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.minillm.core.checkpoint.MalformedCheckpointException;
import org.minillm.core.checkpoint.TensorType;
import org.minillm.core.runtime.CausalLm;

/** Checkpoints of other tools are refused by what they are, with what to do about it. */
class ForeignCheckpointTest {

  private static final String Q = "model.layers.0.self_attn.q_proj";

  @TempDir private Path temp;

  private void refuses(SpoiltModel model, String... words) throws IOException {
    Path folder = model.in(temp.resolve("model"));
    assertThatThrownBy(() -> CausalLm.open(folder))
        .isInstanceOf(MalformedCheckpointException.class)
        .hasMessageContainingAll(folder.toString())
        .hasMessageContainingAll(words);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "_orig_mod. | torch.compile: save model._orig_mod",
        "module. | data-parallel training: save model.module",
        "module._orig_mod. | torch.compile",
        "language_model. | save its language model alone",
        "base_model.model. | merge it, model.merge_and_unload()",
        "own. | \"own.\": rename the tensors without it"
      })
  void aPrefixIsNamedAndWhatPutItThere(String prefix, String remedy) throws IOException {
    refuses(
        SpoiltModel.of(TestConfigs.LLAMA).rename(name -> prefix + name),
        "no tensor model.embed_tokens.weight, but the same behind the prefix \"" + prefix + "\"",
        remedy,
        "rename the tensors without it");
  }

  @Test
  void ofNamesThatEndAlikeTheNearestIsShown() throws IOException {
    UnaryOperator<String> ofParts = name -> name.replace("model.", "model.language_model.");
    refuses(
        SpoiltModel.of(TestConfigs.LLAMA).rename(ofParts),
        "no tensor model.embed_tokens.weight; the nearest is"
            + " model.language_model.embed_tokens.weight");
  }

  @Test
  void anAdapterBesideItsBaseIsToBeMerged() throws IOException {
    refuses(
        SpoiltModel.of(TestConfigs.LLAMA)
            .rename(name -> name.equals(Q + ".weight") ? Q + ".base_layer.weight" : name)
            .put(Q + ".lora_A.default.weight", TensorType.F32, 4, 48),
        "no tensor " + Q + ".weight, but base_layer.weight, lora_A.default.weight in its place",
        "merge it");
  }

  @Test
  void anAdapterAloneIsToBeMerged() throws IOException {
    Path folder = Files.createDirectory(temp.resolve("adapter"));
    Files.writeString(folder.resolve("adapter_config.json"), "{}");
    assertThatThrownBy(() -> CausalLm.open(folder))
        .hasMessageContainingAll("no config.json", "only the adapter of another model: merge it");
  }

  @Test
  void weightsOfGptqAreQuantised() throws IOException {
    refuses(
        SpoiltModel.of(TestConfigs.LLAMA)
            .remove(Q + ".weight")
            .put(Q + ".qweight", TensorType.I32, 6, 48)
            .put(Q + ".qzeros", TensorType.I32, 1, 6)
            .put(Q + ".scales", TensorType.F16, 1, 48),
        "no tensor " + Q + ".weight, but qweight, qzeros, scales in its place",
        "start from the model that they were made of");
  }

  @Test
  void weightsOfMlxAreQuantised() throws IOException {
    refuses(
        SpoiltModel.of(TestConfigs.LLAMA)
            .put(Q + ".weight", TensorType.U32, 48, 6)
            .put(Q + ".scales", TensorType.F16, 48, 2),
        "model.safetensors: " + Q + ".weight is U32, expected F32, F16, BF16 or F64",
        "start from the one it was made of");
  }

  @ParameterizedTest
  @CsvSource({"quantization_config", "quantization"})
  void aModelThatSaysSoIsQuantised(String key) throws IOException {
    refuses(
        SpoiltModel.of(TestConfigs.LLAMA)
            .put(Q + ".weight_scale_inv", TensorType.F8_E8M0, 1, 1)
            .config("{'" + key + "': {'bits': 4}}"),
        "config.json: " + key + " is set",
        "use the unquantised model");
  }
}
