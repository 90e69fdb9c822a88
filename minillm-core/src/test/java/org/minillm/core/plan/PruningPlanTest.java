package org.minillm.core.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNoException;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSortedMap;
import com.google.common.primitives.ImmutableIntArray;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelConfig;
import org.minillm.core.plan.PruningPlan.KeptUnits;

class PruningPlanTest {

  private static final LayerShape SHAPE = new LayerShape(2, 4);
  private static final ModelConfig CONFIG =
      ModelConfig.builder("llama", ImmutableList.of(SHAPE, SHAPE))
          .hiddenSize(8)
          .vocabSize(100)
          .maxPositions(64)
          .headDim(2)
          .queryHeadsPerKeyValueHead(2)
          .tiedHead(true)
          .build();
  private static final ModelFingerprint MODEL = ModelFingerprint.of(CONFIG, "ab12");
  private static final GroupId CHANNELS_0 = new GroupId(0, GroupKind.MLP_CHANNELS);
  private static final GroupId CHANNELS_1 = new GroupId(1, GroupKind.MLP_CHANNELS);
  private static final GroupId HEADS_1 = new GroupId(1, GroupKind.ATTENTION_HEADS);

  private static final PruningPlan PLAN =
      new PruningPlan(
          MODEL,
          Map.of(
              HEADS_1, new KeptUnits(2, ImmutableIntArray.of(1)),
              CHANNELS_0, new KeptUnits(4, ImmutableIntArray.of(0, 2, 3))),
          Map.of("seed", "7", "criterion", "fms \"sum\""));

  private static final String JSON =
      """
      {
        "format": "minillm-plan",
        "version": 1,
        "model": {"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 8, "vocab_size": 100, "head_dim": 2, "num_key_value_heads": 2, "intermediate_size": 4, "tensors_sha256": "ab12"},
        "provenance": {
          "criterion": "fms \\"sum\\"",
          "seed": "7"
        },
        "groups": [
          {"layer": 0, "kind": "mlp_channels", "units": 4, "kept": [0,2,3]},
          {"layer": 1, "kind": "attention_heads", "units": 2, "kept": [1]}
        ]
      }
      """;

  @TempDir Path folder;

  @Test
  void isWrittenWithOneGroupALineInTheOrderOfTheModel() {
    assertThat(PLAN.toJson()).isEqualTo(JSON);
  }

  @Test
  void isReadAsItWasWritten() throws IOException {
    // GIVEN
    Path file = folder.resolve("plan.json");

    // WHEN
    PLAN.write(file, false);

    // THEN
    assertThat(PruningPlan.read(file)).isEqualTo(PLAN).hasSameHashCodeAs(PLAN);
  }

  @Test
  void leavesNothingButThePlanInTheFolder() throws IOException {
    // GIVEN
    Path file = Files.writeString(folder.resolve("plan.json"), "an old plan");

    // WHEN
    PLAN.write(file, true);

    // THEN
    assertThat(folder).isDirectoryNotContaining(other -> !other.equals(file));
    assertThat(file).hasContent(JSON);
  }

  @Test
  void replacesAnotherFileOnlyWhereToldTo() throws IOException {
    // GIVEN
    Path file = Files.writeString(folder.resolve("plan.json"), "an old plan");

    // WHEN THEN
    assertThatExceptionOfType(IOException.class)
        .isThrownBy(() -> PLAN.write(file, false))
        .withMessageContaining("exists, and is not to be overwritten");
    assertThat(file).hasContent("an old plan");
  }

  @Test
  void isWrittenTheSameWhateverOrderItsPartsCameIn() {
    // GIVEN
    PruningPlan backwards =
        new PruningPlan(
            MODEL,
            ImmutableSortedMap.copyOf(PLAN.groups(), Comparator.reverseOrder()),
            ImmutableSortedMap.copyOf(PLAN.provenance(), Comparator.reverseOrder()));

    // WHEN
    String json = backwards.toJson();

    // THEN
    assertThat(json).isEqualTo(PLAN.toJson());
    assertThat(backwards).isEqualTo(PLAN);
  }

  @Test
  void isWrittenInAsciiDigitsWhateverTheLocale() {
    // GIVEN a locale with digits of its own
    Locale before = Locale.getDefault();
    Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab"));

    // WHEN THEN
    try {
      assertThat(PLAN.toJson()).isEqualTo(JSON);
    } finally {
      Locale.setDefault(before);
    }
  }

  @Test
  void withoutGroupsOrProvenanceIsStillReadAsItWasWritten() {
    // GIVEN
    PruningPlan nothing = new PruningPlan(MODEL, Map.of(), Map.of());

    // WHEN
    String json = nothing.toJson();

    // THEN
    assertThat(json).contains("\"provenance\": {},\n  \"groups\": []\n}\n");
    assertThat(PruningPlan.fromJson(json, "plan.json")).isEqualTo(nothing);
  }

  @Test
  void keepsAGroupWholeThatItDoesNotList() {
    assertThat(PLAN.kept(CHANNELS_1, 4)).isEqualTo(ImmutableIntArray.of(0, 1, 2, 3));
    assertThat(PLAN.keptCount(CHANNELS_1, 4)).isEqualTo(4);
  }

  @Test
  void keepsTheListedUnitsOfAGroup() {
    assertThat(PLAN.kept(CHANNELS_0, 4)).isEqualTo(ImmutableIntArray.of(0, 2, 3));
    assertThat(PLAN.keptCount(CHANNELS_0, 4)).isEqualTo(3);
  }

  @Test
  void refusesACallerWhoCountsOtherUnits() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PLAN.kept(CHANNELS_1, 5))
        .withMessage("layer 1 mlp_channels: 5 units, but the plan's model has 4");
    assertThatIllegalArgumentException().isThrownBy(() -> PLAN.keptCount(CHANNELS_1, 5));
  }

  @Test
  void isEditedInACopy() {
    // GIVEN
    ImmutableIntArray kept = ImmutableIntArray.of(1, 2);

    // WHEN
    PruningPlan edited = PLAN.withKept(CHANNELS_1, kept);

    // THEN
    assertThat(edited.kept(CHANNELS_1, 4)).isEqualTo(kept);
    assertThat(edited.kept(CHANNELS_0, 4)).isEqualTo(ImmutableIntArray.of(0, 2, 3));
    assertThat(PLAN.keptCount(CHANNELS_1, 4)).isEqualTo(4);
  }

  @Test
  void refusesAnEditThatKeepsAUnitThatDoesNotExist() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PLAN.withKept(HEADS_1, ImmutableIntArray.of(2)))
        .withMessage("layer 1 attention_heads: kept unit 2, expected 0 to 1");
  }

  @Test
  void tellsTheShapesAfterTheCut() {
    assertThat(PLAN.layerShapes(CONFIG))
        .containsExactly(new LayerShape(2, 3), new LayerShape(1, 4));
  }

  @Test
  void refusesToTellTheShapesOfAnotherModel() {
    // GIVEN
    ModelConfig other =
        ModelConfig.builder("llama", ImmutableList.of(SHAPE))
            .hiddenSize(8)
            .vocabSize(100)
            .maxPositions(64)
            .headDim(2)
            .queryHeadsPerKeyValueHead(2)
            .tiedHead(true)
            .build();

    // WHEN THEN
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PLAN.layerShapes(other))
        .withMessageContaining("num_hidden_layers is 1, not 2");
  }

  @Test
  void acceptsTheModelThatItWasMadeFor() {
    // GIVEN
    ModelFingerprint same = ModelFingerprint.of(CONFIG, "ab12");

    // WHEN THEN
    assertThatNoException().isThrownBy(() -> PLAN.requireMadeFor(same));
  }

  @Test
  void refusesAnotherModelAndNamesTheFieldThatDiffers() {
    // GIVEN
    ModelFingerprint fineTuned = ModelFingerprint.of(CONFIG, "cd34");

    // WHEN THEN
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PLAN.requireMadeFor(fineTuned))
        .withMessage(
            "the plan was made for another model: here tensors_sha256 is cd34, not ab12 as in the"
                + " plan; use the model that it was made for, or plan anew");
  }

  static List<Arguments> malformed() {
    return List.of(
        bad("\"minillm-plan\"", "\"gguf\"", "format: expected \"minillm-plan\", found \"gguf\""),
        bad("\"version\": 1", "\"version\": 2", "version 2 of the format, but this release reads"),
        bad("\"version\": 1,\n", "", "key \"version\" is missing"),
        bad("\"groups\"", "\"group\"", "unknown key \"group\"; the keys are format, version,"),
        bad("\"version\": 1", "\"version\": 1, \"version\": 1", "key \"version\" occurs twice, at"),
        bad("\"seed\": \"7\"", "\"seed\": 7", "provenance.seed: expected a string, found 7"),
        bad("\"head_dim\": 2, ", "", "model: key \"head_dim\" is missing"),
        bad("\"head_dim\"", "\"heads\"", "model: unknown key \"heads\"; the keys are model_type,"),
        bad(
            "\"hidden_size\": 8",
            "\"hidden_size\": 0",
            "model.hidden_size: 0, expected at least 1"),
        bad(
            "_layers\": 2",
            "_layers\": 2147483647",
            "model.num_hidden_layers: 2147483647, expected at most 10000"),
        bad("_size\": 4", "_size\": [4]", "intermediate_size: 1 sizes, expected one a layer (2)"),
        bad(
            "\"layer\": 0",
            "\"layer\": \"0\"",
            "groups[0].layer: expected an integer, found \"0\""),
        bad("\"layer\": 0", "\"layer\": 2", "layer 2 mlp_channels: no such layer, expected 0 to 1"),
        bad("\"layer\": 0", "\"layer\": -1", "layer -1 mlp_channels: no such layer"),
        bad("mlp_channels", "mlp", "groups[0].kind: unknown kind \"mlp\"; the kinds are mlp_chan"),
        bad("\"units\": 4", "\"units\": 5", "layer 0 mlp_channels: 5 units, expected 4"),
        bad("\"units\": 4, ", "", "groups[0]: key \"units\" is missing"),
        bad("[0,2,3]", "[0,2,4]", "layer 0 mlp_channels: kept unit 4, expected 0 to 3"),
        bad("[0,2,3]", "[-1,2,3]", "layer 0 mlp_channels: kept unit -1, expected 0 to 3"),
        bad("[0,2,3]", "[0,3,2]", "kept unit 2 after 3, expected ascending numbers"),
        bad("[0,2,3]", "[0,2,2]", "layer 0 mlp_channels: kept unit 2 is listed twice"),
        bad("[0,2,3]", "[]", "layer 0 mlp_channels: keeps none of 4 units"),
        bad("[0,2,3]", "[0,2.5]", "groups[0].kept[1]: expected an integer, found 2.5"),
        bad("[0,2,3]", "[0,1e0]", "groups[0].kept[1]: expected an integer, found 1e0"),
        bad("[0,2,3]", "[0,null]", "groups[0].kept[1]: expected an integer, found null"),
        bad("[0,2,3]", "{}", "groups[0].kept: expected an array, found an object"),
        bad("[0,2,3]", "[0,2,3,]", "not valid JSON at line "),
        bad("\"kept\": [1]}", "\"kept\": [1]},\n    7", "groups[2]: expected an object, found 7"),
        bad(
            "\"layer\": 1, \"kind\": \"attention_heads\", \"units\": 2, \"kept\": [1]",
            "\"layer\": 0, \"kind\": \"mlp_channels\", \"units\": 4, \"kept\": [1]",
            "groups[1]: layer 0 mlp_channels is listed twice"),
        bad("  ]\n}\n", "  ]\n", "not valid JSON at line "),
        bad("  ]\n}\n", "  ]\n}\n7", "not valid JSON at line "),
        bad(JSON, "", "not valid JSON (it is empty)"),
        bad(JSON, "[]", "expected an object, found an array"));
  }

  private static Arguments bad(String part, String replacement, String message) {
    assertThat(JSON).contains(part);
    return Arguments.of(JSON.replace(part, replacement), message);
  }

  @ParameterizedTest
  @MethodSource("malformed")
  void refusesMalformedJsonAndSaysWhere(String json, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PruningPlan.fromJson(json, "plan.json"))
        .withMessageStartingWith("plan.json: ")
        .withMessageContaining(message);
  }

  @Test
  void reportsAMalformedFileAsAFailureToReadIt() throws IOException {
    // GIVEN
    Path file = Files.writeString(folder.resolve("plan.json"), "{}");

    // WHEN THEN
    assertThatExceptionOfType(IOException.class)
        .isThrownBy(() -> PruningPlan.read(file))
        .withMessage(file + ": key \"format\" is missing");
  }
}
