package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import com.google.common.primitives.ImmutableIntArray;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.Decoder;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.cut.CheckpointCutter;
import org.minillm.core.cut.CutExport;
import org.minillm.core.cut.Export;
import org.minillm.core.cut.HfCodeExport;
import org.minillm.core.cut.PruningReport;
import org.minillm.core.plan.ModelFingerprint;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.runtime.ResidualStream;

/**
 * A folder that brings its own class. What transformers makes of it is checked by
 * tools/check_compatibility.py, with the results in docs/compatibility.md.
 */
class HfCodeExportTest {

  private static final List<int[]> WINDOWS = List.of(IntStream.range(4, 44).toArray());

  private static final GroupId HEADS = new GroupId(0, GroupKind.ATTENTION_HEADS);
  private static final GroupId CHANNELS = new GroupId(1, GroupKind.MLP_CHANNELS);

  @TempDir Path temp;

  /** Of layer 0 the last head stays, of layer 1 thirty channels. */
  private static PruningPlan uneven(CausalLm model) throws IOException {
    int heads = model.config().layers().get(0).keyValueHeads();
    return new PruningPlan(
            ModelFingerprint.of(model.config(), model.checkpoint().sha256OfSamples()),
            Map.of(),
            Map.of())
        .withKept(HEADS, ImmutableIntArray.of(heads - 1))
        .withKept(CHANNELS, ImmutableIntArray.copyOf(IntStream.range(5, 35)));
  }

  private Path write(CausalLm model, PruningPlan plan, Export export, String name)
      throws IOException {
    Path target = temp.resolve(name);
    new CheckpointCutter(new PassRunner(model), plan).export(export).write(target, false);
    return target;
  }

  private Path hfCode(String model) throws IOException {
    try (CausalLm dense = CausalLm.open(TestModels.folder(model, temp))) {
      return write(dense, uneven(dense), new HfCodeExport(), "code");
    }
  }

  private static float[] finalHidden(CausalLm model) throws IOException {
    try (ForwardPass pass = new ForwardPass(model)) {
      ResidualStream stream = pass.add(WINDOWS, WeightTransform.NONE, BlockTap.NONE);
      pass.run();
      return pass.normed(stream).get(0).toFloatArray();
    }
  }

  private static JsonObject config(Path folder) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      return checkpoint.config();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama-gqa-bias",
        "mistral-gqa",
        "qwen3-qknorm",
        "opt-gelu",
        "opt-350m-style",
        "bloom-pow2"
      })
  void opensAgainAsTheModelThatCutWrites(String name) throws IOException {
    try (CausalLm dense = CausalLm.open(TestModels.folder(name, temp))) {
      // GIVEN
      PruningPlan plan = uneven(dense);
      Path cut = write(dense, plan, new CutExport(), "cut");

      // WHEN
      Path code = write(dense, plan, new HfCodeExport(), "code");

      // THEN
      try (CausalLm one = CausalLm.open(cut);
          CausalLm other = CausalLm.open(code)) {
        assertThat(other.config()).isEqualTo(one.config());
        assertThat(finalHidden(other)).isEqualTo(finalHidden(one));
      }
      assertThat(code.resolve("model.safetensors"))
          .hasSameBinaryContentAs(cut.resolve("model.safetensors"));
    }
  }

  @Test
  void theConfigNamesTheClassesAndEveryLayersSizes() throws IOException {
    // WHEN one of two key-value heads, with its two query heads, stays in layer 0
    JsonObject config = config(hfCode("llama-gqa-bias"));

    // THEN
    assertThat(config)
        .isEqualTo(
            TestConfigs.with(
                config.toString(),
                """
                {"model_type": "minillm_llama", "architectures": ["MiniLLMLlamaForCausalLM"],
                 "auto_map": {
                   "AutoConfig": "configuration_minillm.MiniLLMLlamaConfig",
                   "AutoModelForCausalLM": "modeling_minillm.MiniLLMLlamaForCausalLM"},
                 "minillm_layers": [
                   {"channels": 88, "heads": 2, "key_value_heads": 1},
                   {"channels": 30, "heads": 4, "key_value_heads": 2}],
                 "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 64}
                """));
    assertThat(config.has("per_layer_config")).isFalse();
  }

  @ParameterizedTest
  @CsvSource({"opt-gelu, MiniLLMOPT", "bloom-pow2, MiniLLMBloom", "qwen3-qknorm, MiniLLMQwen3"})
  void theClassesThatConfigNamesAreInTheFolder(String model, String prefix) throws IOException {
    // WHEN
    Path folder = hfCode(model);

    // THEN
    assertThat(config(folder).getAsJsonObject("auto_map").get("AutoConfig").getAsString())
        .isEqualTo("configuration_minillm." + prefix + "Config");
    assertThat(Files.readString(folder.resolve("configuration_minillm.py")))
        .contains("class " + prefix + "Config(");
    assertThat(Files.readString(folder.resolve("modeling_minillm.py")))
        .contains("class " + prefix + "ForCausalLM(");
  }

  @Test
  void headCountsForAllLayersAreWhatStockClassesTakeBeforeTheyGetTheirOwn() {
    // GIVEN at most 10 query heads, which do not divide the hidden size 48
    JsonObject dense =
        TestConfigs.with(
            TestConfigs.LLAMA, "{'num_attention_heads': 12, 'num_key_value_heads': 6}");
    List<LayerShape> layers = List.of(new LayerShape(5, 20), new LayerShape(3, 20));
    Decoder decoder = TestConfigs.decoder(dense);

    // WHEN
    JsonObject config = decoder.code(layers).config();

    // THEN the next larger that does
    assertThat(config.get("num_attention_heads").getAsInt()).isEqualTo(12);
    assertThat(config.get("num_key_value_heads").getAsInt()).isEqualTo(6);
    assertThat(config.get("head_dim").getAsInt()).isEqualTo(4);
    assertThat(TestConfigs.decoder(config).config().layers()).isEqualTo(layers);
  }

  @Test
  void aModelPrunedAgainIsOfTheStockFamily() throws IOException {
    // GIVEN
    Path code = hfCode("opt-gelu");

    // WHEN
    try (CausalLm pruned = CausalLm.open(code)) {
      PruningPlan second =
          new PruningPlan(
                  ModelFingerprint.of(pruned.config(), pruned.checkpoint().sha256OfSamples()),
                  Map.of(),
                  Map.of())
              .withKept(CHANNELS, ImmutableIntArray.of(1, 3));
      JsonObject config = pruned.decoder().render(second.layerShapes(pruned.config()));

      // THEN it is described as the family's, as stock classes would be
      assertThat(config.get("model_type").getAsString()).isEqualTo("opt");
      assertThat(config.get("architectures").toString()).isEqualTo("[\"OPTForCausalLM\"]");
      assertThat(config.keySet()).doesNotContain("auto_map", "minillm_layers");
      // and in the form with the class, which is written anew
      Path twice = write(pruned, second, new HfCodeExport(), "twice");
      try (CausalLm again = CausalLm.open(twice)) {
        assertThat(again.config().layers().get(1).intermediateSize()).isEqualTo(2);
        assertThat(again.config().layers().get(0).keyValueHeads()).isEqualTo(1);
      }
    }
  }

  @Test
  void transformersIsNoObstacle() throws IOException {
    try (CausalLm dense = CausalLm.open(TestModels.folder("opt-gelu", temp))) {
      // WHEN
      PruningReport report = PruningReport.of(dense, uneven(dense), new HfCodeExport());

      // THEN
      assertThat(report.stockLoaderObstacle()).isEmpty();
      assertThat(report.bytesAfter()).isLessThan(report.bytesBefore());
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'minillm_layers': []} | minillm_layers is 0 entries, expected one for each of 2 layers",
        "{'minillm_layers': [{}, {}]} | key \"heads\" is missing",
        "{'minillm_layers': 3} | minillm_layers: expected an array, found 3",
        "{'minillm_layers': [{'heads': 6, 'key_value_heads': 2, 'channels': 20}, {}]}"
            + " | heads is 6, expected 2 for each of key_value_heads",
      })
  void sizesThatMakeNoModelAreRefused(String sizes, String message) {
    // GIVEN
    JsonObject config = TestConfigs.with(TestConfigs.LLAMA, sizes);
    config.addProperty("model_type", "minillm_llama");

    // WHEN / THEN
    assertThatThrownBy(() -> new LlamaArchitecture().decoder(config, Map.<String, Shape>of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }
}
