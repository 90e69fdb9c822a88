package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.primitives.ImmutableIntArray;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.Architecture;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.Decoder;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelCode;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.cut.CheckpointCutter;
import org.minillm.core.cut.CutExport;
import org.minillm.core.cut.Export;
import org.minillm.core.cut.HfCodeExport;
import org.minillm.core.cut.PruningReport;
import org.minillm.core.plan.ModelFingerprint;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.runtime.ResidualStream;

/**
 * Folders that bring their own Python code. That it is Python, and computes this, Java cannot tell:
 * tools/check_compatibility.py does, and the goldens are from there.
 */
class HfCodeTest {

  private static final List<int[]> WINDOW = List.of(IntStream.range(4, 44).toArray());

  /** Transformers adds in another order; logits are of size 0.1 to 10. */
  private static final float ADDED_IN_ANOTHER_ORDER = 3e-5f;

  @TempDir Path temp;

  private Path write(CausalLm model, PruningPlan plan, Export export, String name)
      throws IOException {
    Path target = temp.resolve(name);
    new CheckpointCutter(new PassRunner(model), plan).export(export).write(target, false);
    return target;
  }

  private static float[] finalHidden(CausalLm model) throws IOException {
    try (ForwardPass pass = new ForwardPass(model)) {
      ResidualStream stream = pass.add(WINDOW, WeightTransform.NONE, BlockTap.NONE);
      pass.run();
      return pass.normed(stream).get(0).toFloatArray();
    }
  }

  private static Decoder decoder(JsonObject config) {
    return Plugins.named(Architecture.class, config.get("model_type").getAsString())
        .decoder(config, Map.of());
  }

  private static ModelCode code(String config, LayerShape... layers) {
    return TestConfigs.decoder(TestConfigs.json(config)).code(List.of(layers));
  }

  private static LayerShape bloom(int channels, int... heads) {
    return new LayerShape(heads.length, channels, ImmutableIntArray.copyOf(heads));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "opt-350m-style",
        "opt-gelu",
        "bloom-pow2",
        "bloom-postln",
        "llama-gqa-bias",
        "llama3-rope",
        "mistral-gqa",
        "qwen3-qknorm"
      })
  void opensAgainAsTheCutModelDoes(String name) throws IOException {
    try (CausalLm dense = CausalLm.open(TestModels.folder(name, temp))) {
      // GIVEN
      PruningPlan plan = ExportTest.unevenPlan(dense);

      // WHEN
      Path written = write(dense, plan, new HfCodeExport(), "hf-code");

      // THEN
      try (CausalLm withCode = CausalLm.open(written);
          CausalLm cut = CausalLm.open(write(dense, plan, new CutExport(), "cut"))) {
        assertThat(withCode.config()).isEqualTo(cut.config());
        assertThat(finalHidden(withCode)).isEqualTo(finalHidden(cut));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"bloom-postln", "opt-350m-style", "qwen3-qknorm"})
  void computesWhatTransformersComputesWithTheCode(String name) throws IOException {
    try (CausalLm dense = CausalLm.open(TestModels.folder(name, temp));
        Goldens goldens = Goldens.of("hf-code-" + name)) {
      // GIVEN the plan of tools/check_compatibility.py, and logits that transformers computed
      PruningPlan plan =
          PruningPlan.read(Path.of("src/test/resources/goldens", "hf-code-" + name + ".plan.json"));

      // WHEN
      Path written = write(dense, plan, new HfCodeExport(), "hf-code");

      // THEN
      try (CausalLm model = CausalLm.open(written);
          ForwardPass pass = new ForwardPass(model)) {
        ResidualStream stream =
            pass.add(goldens.ids("input_ids"), WeightTransform.NONE, BlockTap.NONE);
        pass.run();
        assertThat(GoldenOutputsTest.lastLogits(model, pass.normed(stream).get(0), goldens))
            .containsExactly(goldens.floats("logits"), within(ADDED_IN_ANOTHER_ORDER));
      }
    }
  }

  @Test
  void theFolderHasTheCodeThatItsConfigNames() throws IOException {
    try (CausalLm dense = CausalLm.open(TestModels.folder("llama-gqa-bias", temp))) {
      // WHEN
      Path written = write(dense, ExportTest.unevenPlan(dense), new HfCodeExport(), "hf-code");

      // THEN each class of auto_map stands in its file
      try (Checkpoint checkpoint = Checkpoint.open(written)) {
        JsonObject config = checkpoint.config();
        assertThat(config.get("model_type").getAsString()).isEqualTo("minillm_llama");
        assertThat(config.get("architectures").toString())
            .isEqualTo("[\"MiniLLMLlamaForCausalLM\"]");
        config
            .getAsJsonObject("auto_map")
            .entrySet()
            .forEach(
                entry -> {
                  String[] words = entry.getValue().getAsString().split("\\.", -1);
                  assertThat(written.resolve(words[0] + ".py"))
                      .content()
                      .contains("\nclass " + words[1] + "(");
                });
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "llama, Llama",
    "mistral, Mistral",
    "qwen2, Qwen2",
    "qwen3, Qwen3",
    "opt, OPT",
    "bloom, Bloom"
  })
  void everyFamilyHasItsClasses(String family, String name) {
    // WHEN
    String text =
        switch (family) {
          case "opt" -> TestConfigs.OPT;
          case "bloom" -> TestConfigs.BLOOM;
          default -> TestConfigs.LLAMA.replace("llama", family);
        };
    Decoder dense = TestConfigs.decoder(TestConfigs.json(text));
    ModelCode code = dense.code(dense.config().layers());

    // THEN
    assertThat(code.files().get("configuration_minillm.py"))
        .contains(
            "class MiniLLM%sConfig(%sConfig):%n    model_type = \"minillm_%s\""
                .formatted(name, name, family));
    assertThat(code.files().get("modeling_minillm.py"))
        .containsPattern(
            "class MiniLLM%sForCausalLM\\(\\w+, %sForCausalLM\\):".formatted(name, name));
    assertThat(decoder(code.config()).config()).isEqualTo(dense.config());
  }

  @Test
  void theStockKeysAreOfTheWidestLayerAndTheListOfEach() {
    JsonObject config =
        code(TestConfigs.LLAMA, new LayerShape(1, 20), new LayerShape(2, 15)).config();

    assertThat(config)
        .isEqualTo(
            TestConfigs.with(
                TestConfigs.LLAMA,
                "{'num_attention_heads': 4, 'num_key_value_heads': 2, 'intermediate_size': 20,"
                    + " 'head_dim': 8, 'model_type': 'minillm_llama',"
                    + " 'architectures': ['MiniLLMLlamaForCausalLM'], 'auto_map': {"
                    + "'AutoConfig': 'configuration_minillm.MiniLLMLlamaConfig',"
                    + "'AutoModelForCausalLM': 'modeling_minillm.MiniLLMLlamaForCausalLM'},"
                    + " 'minillm_layers': [{'channels': 20, 'heads': 2, 'key_value_heads': 1},"
                    + " {'channels': 15, 'heads': 4, 'key_value_heads': 2}]}"));
  }

  @Test
  void aBloomKeepsTheHeadsOfTheDenseModelForItsSlopes() {
    JsonObject config = code(TestConfigs.BLOOM, bloom(100, 1, 4), bloom(90, 0, 2, 5)).config();

    assertThat(config.get("n_head").getAsInt()).isEqualTo(6);
    assertThat(config.get("minillm_layers"))
        .isEqualTo(
            TestConfigs.json(
                    "{'x': [{'channels': 100, 'heads': 2, 'key_value_heads': 2, 'kept_heads': [1, 4]},"
                        + "{'channels': 90, 'heads': 3, 'key_value_heads': 3, 'kept_heads': [0, 2, 5]}]}")
                .get("x"));
    assertThat(decoder(config).config().layers())
        .containsExactly(bloom(100, 1, 4), bloom(90, 0, 2, 5));
  }

  @Test
  void anOptHasAsManyHeadsAsMakeUpTheHiddenSize() {
    JsonObject config = code(TestConfigs.OPT, new LayerShape(3, 10), new LayerShape(2, 9)).config();

    assertThat(config.get("num_attention_heads").getAsInt()).isEqualTo(6);
    assertThat(decoder(config).config().layers())
        .containsExactly(new LayerShape(3, 10), new LayerShape(2, 9));
  }

  @ParameterizedTest
  @ValueSource(strings = {TestConfigs.LLAMA, TestConfigs.OPT})
  void cutAgainNothingOfTheCodeIsLeft(String text) {
    // GIVEN
    LayerShape first = new LayerShape(2, 10);
    LayerShape second = new LayerShape(1, 9);
    JsonObject withCode = code(text, first, second).config();

    // WHEN it is pruned to other sizes
    JsonObject again = decoder(withCode).render(List.of(second, second));

    // THEN
    JsonObject direct = TestConfigs.decoder(TestConfigs.json(text)).render(List.of(second, second));
    again.remove("architectures");
    assertThat(again).isEqualTo(direct);
  }

  @Test
  void aModelWithCodeIsPrunedAgainAsTheCutOneIs() throws IOException {
    try (CausalLm dense = CausalLm.open(TestModels.folder("bloom-pow2", temp))) {
      // GIVEN
      Path once = write(dense, ExportTest.unevenPlan(dense), new HfCodeExport(), "once");

      // WHEN the first of the two heads of layer 0 goes, too
      try (CausalLm pruned = CausalLm.open(once)) {
        PruningPlan second =
            new PruningPlan(
                    ModelFingerprint.of(pruned.config(), pruned.checkpoint().sha256OfSamples()),
                    Map.of(),
                    Map.of())
                .withKept(new GroupId(0, GroupKind.ATTENTION_HEADS), ImmutableIntArray.of(1));
        Path twice = write(pruned, second, new HfCodeExport(), "twice");

        // THEN the last keeps its place
        try (CausalLm model = CausalLm.open(twice)) {
          assertThat(model.config().layers().get(0).keptHeads()).isEqualTo(ImmutableIntArray.of(7));
        }
      }
    }
  }

  @Test
  void theReportSaysThatTransformersLoadsIt() throws IOException {
    try (CausalLm dense = CausalLm.open(TestModels.folder("opt-gelu", temp))) {
      PruningPlan plan = ExportTest.unevenPlan(dense);
      assertThat(PruningReport.of(dense, plan, new HfCodeExport()).stockLoaderObstacles())
          .isEmpty();
    }
  }

  @Test
  void aFamilyWithoutAClassIsRefused() {
    // GIVEN a family of somebody else's
    Decoder gemma =
        LlamaVariant.LLAMA.decoder(
            TestConfigs.json(TestConfigs.LLAMA.replace("llama", "gemma")), Map.of());

    // WHEN THEN
    assertThat(gemma.codeObstacle(gemma.config().layers()))
        .hasValue("there is no Python class for models of type \"gemma\"");
    assertThatThrownBy(() -> gemma.code(gemma.config().layers()))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void headsThatDoNotMakeUpTheHiddenSizeAreRefused() {
    Decoder opt = decoder(TestConfigs.with(TestConfigs.OPT, "{'head_dim': 7}"));
    assertThat(opt.codeObstacle(opt.config().layers()))
        .hasValue("no number of heads of width 7 makes up hidden_size 48");

    Decoder bloom = decoder(TestConfigs.with(TestConfigs.BLOOM, "{'head_dim': 4}"));
    assertThat(bloom.codeObstacle(bloom.config().layers()))
        .hasValue(
            "the slopes of ALiBi are those of 6 heads, but 12 of width 4 make up hidden_size 48");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[]|minillm_layers is 0 entries, expected one for each of 2 layers",
        "[1, 2]|minillm_layers[0]",
        "[{'channels': 20, 'heads': 6, 'key_value_heads': 3, 'width': 1}, {}]|width",
        "[{'heads': 6, 'key_value_heads': 3}, {}]|\"channels\" is missing",
        "[{'channels': 20, 'heads': 5, 'key_value_heads': 3}, {}]|heads is 5, expected 2 for each",
        "[{'channels': 20, 'heads': 2000000000, 'key_value_heads': 3}, {}]|heads is 2000000000"
      })
  void whatTheListMustNotSayIsRefused(String list, String words) {
    JsonObject config =
        TestConfigs.with(
            TestConfigs.LLAMA, "{'model_type': 'minillm_llama', 'minillm_layers': " + list + "}");
    assertThatThrownBy(() -> decoder(config))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(words);
  }

  @Test
  void headsOfABloomNeedTheirPlaces() {
    JsonObject config =
        TestConfigs.with(
            TestConfigs.BLOOM,
            "{'model_type': 'minillm_bloom', 'minillm_layers': ["
                + "{'channels': 20, 'heads': 2, 'key_value_heads': 2, 'kept_heads': [1]}, {}]}");
    assertThatThrownBy(() -> decoder(config))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("kept_heads is 1 places, expected one for each of 2 heads");
  }
}
