package org.minillm.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.checkpoint.TensorOutput;
import org.minillm.core.checkpoint.TensorType;
import org.minillm.core.cut.Export;
import org.minillm.core.files.TargetExistsException;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.runtime.CausalLm;

class GgufExportTest {

  @TempDir Path temp;

  private static List<LayerShape> uneven(CausalLm model) {
    return model.config().layers().stream()
        .map(
            layer ->
                new LayerShape(
                    layer.keyValueHeads(),
                    layer == model.config().layers().get(0) ? 8 : 16,
                    layer.keptHeads()))
        .toList();
  }

  @Test
  void itIsFoundByNameWithItsSettings() {
    Export found = Plugins.configured(Export.class, "gguf:type=q8_0");
    assertThat(found.parameters()).isEqualTo(Map.of("type", "q8_0", "template", ""));
  }

  @Test
  void anUnknownSettingIsRefused() {
    assertThatThrownBy(() -> new GgufExport().with(Map.of("kind", "f16")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("gguf has no parameter kind; it takes template, type");
  }

  @ParameterizedTest
  @CsvSource({
    "stored, 1, F16, F16",
    "f32, 0, F32, F32",
    "bf16, 32, BF16, BF16",
    "q8_0, 7, Q8_0, Q8_0",
    "q4_0, 2, Q4_0, Q8_0",
  })
  void matricesHaveTheTypeAndVectorsAreF32(
      String type, int fileType, GgufType weights, GgufType tiedHead) {
    // GIVEN
    WeightTypes types = WeightTypes.of(type);
    TensorParts matrix = parts(new Shape(64, 64));

    // WHEN / THEN
    assertThat(types.of("blk.0.attn_q.weight", matrix, true)).isEqualTo(weights);
    assertThat(types.of("token_embd.weight", matrix, true)).isEqualTo(tiedHead);
    assertThat(types.of("token_embd.weight", matrix, false)).isEqualTo(weights);
    assertThat(types.of("output.weight", matrix, false)).isEqualTo(tiedHead);
    assertThat(types.of("output_norm.weight", parts(new Shape(64)), true)).isEqualTo(GgufType.F32);
    assertThat(
            types.fileType(
                List.of(new GgufTensor("a", weights, new Shape(64, 64), matrix.as(weights)))))
        .isEqualTo(fileType);
  }

  private static TensorParts parts(Shape shape) {
    return TensorParts.of(
        new TensorOutput(new TensorInfo("t", TensorType.F16, shape), out -> {}), RowGroups.ALL);
  }

  @ParameterizedTest
  @CsvSource({"q8_0", "q4_0"})
  void rowsThatAreNoWholeBlocksStayF16(String type) {
    assertThat(WeightTypes.of(type).of("blk.0.ffn_down.weight", parts(new Shape(64, 88)), true))
        .isEqualTo(GgufType.F16);
  }

  @Test
  void sizesAreToldAsTheyBecome() throws IOException {
    try (CausalLm model = CausalLm.open(Models.tinyLlama(temp))) {
      for (String type : List.of("stored", "f32", "q8_0", "q4_0")) {
        // GIVEN
        Export export = new GgufExport().with(Map.of("type", type));
        long bytes =
            export.bytes(model, model.config().layers(), model.checkpoint().tensors().values());

        // WHEN
        Path file = Models.convert(model, export, temp.resolve(type + ".gguf"));

        // THEN the rest is metadata
        assertThat(Files.size(file)).as(type).isBetween(bytes, bytes + 150_000);
      }
    }
  }

  @Test
  void aTargetThatStandsThereIsRefused() throws IOException {
    Path file = Files.writeString(temp.resolve("a.gguf"), "theirs");
    assertThatThrownBy(() -> new GgufExport().checkTarget(file, false, null))
        .isInstanceOf(TargetExistsException.class);
  }

  @Test
  void anUntiedQwen3WithUnevenLayersIsRefusedWithTheNearestForm() throws IOException {
    Path folder =
        Remade.untied(
            Models.random("qwen3-qknorm", temp),
            temp.resolve("untied"),
            "model.embed_tokens.weight");
    try (CausalLm model = CausalLm.open(folder)) {
      assertThat(new GgufExport().obstacle(model, uneven(model)).orElseThrow())
          .contains("norms of queries and keys")
          .contains("uniform allocation");
      assertThat(new GgufExport().obstacle(model, model.config().layers())).isEmpty();
    }
  }

  @Test
  void aBloomThatLostHeadsOrIsUnevenIsRefused() throws IOException {
    try (CausalLm model = CausalLm.open(Models.tinyBloom())) {
      List<LayerShape> lost =
          model.config().layers().stream()
              .map(
                  layer ->
                      layer.keeping(
                          GroupKind.ATTENTION_HEADS,
                          com.google.common.primitives.ImmutableIntArray.of(0, 1)))
              .toList();
      assertThat(new GgufExport().obstacle(model, lost).orElseThrow()).contains("channels only");
      assertThat(new GgufExport().obstacle(model, uneven(model)).orElseThrow())
          .contains("uniform allocation");
    }
  }

  @Test
  void aLayerWithoutChannelsIsRefused() throws IOException {
    try (CausalLm model = CausalLm.open(Models.tinyLlama(temp))) {
      List<LayerShape> none = Collections.nCopies(4, new LayerShape(3, 0));
      assertThat(new GgufExport().obstacle(model, none).orElseThrow())
          .isEqualTo(
              "layer 0 keeps no channel, which llama.cpp computes in another way; keep one at least");
    }
  }

  @Test
  void moreLayersThanLlamaCppHasAreRefused() throws IOException {
    try (CausalLm model = CausalLm.open(Models.tinyLlama(temp))) {
      List<LayerShape> many = Collections.nCopies(513, new LayerShape(3, 8));
      assertThat(new GgufExport().obstacle(model, many).orElseThrow()).contains("512 at most");
    }
  }

  @Test
  void factorsOfLlama3AreThoseOfTheFormula() {
    RotaryKeys keys =
        RotaryKeys.of(
            JsonParser.parseString(
                    """
                    {"rope_theta": 10000.0, "rope_scaling": {"rope_type": "llama3", "factor": 8.0,
                     "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                     "original_max_position_embeddings": 256}}
                    """)
                .getAsJsonObject());
    // turns of 256 / (2 pi 10000^(i/4)): 40.7, 4.07, 0.407, 0.0407 for heads of 8
    float[] factors = keys.llama3Factors(8);
    assertThat(factors).containsExactly(new float[] {1, 1, 8, 8}, within(1e-6f));
  }

  @Test
  void aWindowThatSlidesBoundsTheContext() throws IOException {
    Path folder = Models.random("mistral-gqa", temp);
    Path config = folder.resolve("config.json");
    var json = JsonParser.parseString(Files.readString(config)).getAsJsonObject();
    json.addProperty("sliding_window", 48);
    Files.writeString(config, json.toString());
    try (CausalLm model = CausalLm.open(folder)) {
      Path file = Models.convert(model, new GgufExport(), temp.resolve("m.gguf"));
      assertThat(GgufHeaderReader.read(file).metadata())
          .containsEntry("llama.context_length", GgufValue.uint32(48));
    }
  }
}
