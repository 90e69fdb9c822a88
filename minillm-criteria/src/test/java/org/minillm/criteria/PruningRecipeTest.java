package org.minillm.criteria;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.evidence.TokenWeights;
import org.minillm.core.files.MalformedFileException;
import org.minillm.core.plan.UniformAllocation;
import org.minillm.core.prune.PruningRecipe;

class PruningRecipeTest {

  private static PruningRecipe parse(String word) {
    return PruningRecipe.parse(word, Map.of());
  }

  @Test
  void theBestRecipeIsWhatWasMeasuredBest() {
    PruningRecipe best = PruningRecipe.best();

    assertThat(best.criterion(GroupKind.MLP_CHANNELS))
        .isEqualTo(new Obs(0.01, Obs.Ridge.MEAN, TokenWeights.EQUAL, 1));
    assertThat(best.criterion(GroupKind.ATTENTION_HEADS))
        .isEqualTo(new Obs(0.1, Obs.Ridge.MEAN, TokenWeights.STREAM, 1));
    assertThat(best.restoration().orElseThrow().parameters())
        .containsEntry("lambda", "0.4")
        .containsEntry("target", "residual")
        .containsEntry("value-ridge", "0.003")
        .containsEntry("noise", "12.0");
    assertThat(best.allocation())
        .isEqualTo(new TrapezoidAllocation(0.1, 0.067, 0.034, 0.2, Comparison.RESTORED));
    assertThat(best.windows()).isEqualTo(128);
    assertThat(best.windowTokens()).isEqualTo(128);
  }

  @Test
  void thePaperPrunesByFeatureMapSensitivityAndRestoresNothing() {
    PruningRecipe paper = PruningRecipe.paper();

    assertThat(paper.criterion(GroupKind.MLP_CHANNELS)).isEqualTo(new Fms());
    assertThat(paper.gradient()).contains(new Spsa());
    assertThat(paper.restoration()).isEmpty();
    assertThat(paper.allocation()).isEqualTo(new UniformAllocation());
  }

  @Test
  void namingADefaultChangesNothing() {
    assertThat(parse("obs+least-squares~trapezoid")).isEqualTo(PruningRecipe.best());
    // as earlier releases spelled it
    assertThat(parse("obs+least-squares:values=0.003~middle")).isEqualTo(PruningRecipe.best());
    assertThat(parse("obs/obs@spsa+least-squares~trapezoid^128x128"))
        .isEqualTo(PruningRecipe.best());
    assertThat(parse("fms@spsa+none~uniform")).isEqualTo(PruningRecipe.paper());
  }

  @Test
  void aCriterionHasTheSettingsThatSuitEachKind() {
    PruningRecipe recipe = parse("obs:damping=0.5");

    assertThat(recipe.criterion(GroupKind.MLP_CHANNELS))
        .isEqualTo(new Obs(0.5, Obs.Ridge.MEAN, TokenWeights.EQUAL, 1));
    assertThat(recipe.criterion(GroupKind.ATTENTION_HEADS))
        .isEqualTo(new Obs(0.5, Obs.Ridge.MEAN, TokenWeights.STREAM, 1));
  }

  @Test
  void theAllocationDependsOnWhetherSomethingIsRestored() {
    assertThat(PruningRecipe.builder().restoration(null).build().allocation().name())
        .isEqualTo("uniform");
    assertThat(PruningRecipe.builder().restoration(new BiasCompensation()).build().allocation())
        .isEqualTo(new TrapezoidAllocation());
  }

  @Test
  void offeredSettingsGoToThosePluginsThatHaveThem() {
    PruningRecipe recipe =
        PruningRecipe.parse("fms/random@spsa:probes=4", Map.of("seed", "7", "probes", "2"));

    assertThat(recipe.criterion(GroupKind.ATTENTION_HEADS)).isEqualTo(new RandomCriterion(7));
    assertThat(recipe.gradient().orElseThrow().parameters())
        .containsEntry("seed", "7")
        .containsEntry("probes", "4");
    assertThat(PruningRecipe.paper().offered(Map.of("probes", "3")).gradient().orElseThrow())
        .isEqualTo(new Spsa().with(Map.of("probes", "3")));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "best",
        "paper",
        "wanda:aggregation=max/random:seed=3@none+bias~global:mix=0.5^7x9"
      })
  void aRecipeIsReadBackFromItsWordAndFromItsFile(String word, @TempDir Path folder)
      throws IOException {
    // GIVEN
    PruningRecipe recipe = parse(word);

    // WHEN
    Path file = Files.writeString(folder.resolve("recipe.json"), recipe.toJson());

    // THEN
    assertThat(PruningRecipe.read(file)).isEqualTo(recipe);
    assertThat(parse(recipe.toString())).isEqualTo(recipe);
  }

  @Test
  void aFileSaysWhatDiffersFromTheBestRecipe(@TempDir Path folder) throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("recipe.json"),
            "{\"criterion\": \"obs\", \"criterion.damping\": \"0.2\", \"calibration.samples\":"
                + " \"16\"}");

    assertThat(PruningRecipe.read(file))
        .isEqualTo(parse("obs:damping=0.2+least-squares~trapezoid^16x128"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"criteron\": \"obs\"} | unknown key \"criteron\"; the keys are calibration.samples,",
        "{\"criterion.damping\": \"1\"} | key \"criterion.damping\" is a setting of \"criterion\","
            + " which is missing; name the plug-in, too",
        "{\"criterion\": 3} | criterion: expected a string, found 3",
        "{\"criterion\": \"obs\", \"criterion.damp\": \"1\"} | obs has no parameter damp; it takes",
        "{\"restoration\": \"least\"} | no restoration \"least\"; there is bias, least-squares",
        "{\"calibration.window\": \"1\"} | calibration window of 1 tokens: expected at least 2"
      })
  void aFileThatIsNoRecipeIsRefusedWithItsPlace(String json, String message, @TempDir Path folder)
      throws IOException {
    Path file = Files.writeString(folder.resolve("recipe.json"), json);

    assertThatThrownBy(() -> PruningRecipe.read(file))
        .isInstanceOf(MalformedFileException.class)
        .hasMessageStartingWith(file + ": " + message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "fsm | no importance criterion \"fsm\"; there is",
        "fms@newton | no gradient estimator \"newton\"",
        "fms~uniform+bias | recipe \"fms~uniform+bias\": expected CRITERION, with /HEAD_CRITERION",
        "fms+ | recipe \"fms+\": expected CRITERION, with",
        "+bias | recipe \"+bias\": expected CRITERION, with",
        "fms^9 | recipe \"fms^9\": found ^9, expected ^WINDOWSxTOKENS such as ^128x128",
        "fms~search:among=(uniform | \"fms~search:among=(uniform\": \"(\" is not closed",
        "fms~uniform) | \"fms~uniform)\": \")\" at 12 closes nothing"
      })
  void aWordThatIsNoRecipeIsRefused(String word, String message) {
    assertThatThrownBy(() -> parse(word))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(message);
  }

  @Test
  void aShortTextGivesAsManyWindowsAsItHas() {
    PruningRecipe recipe = PruningRecipe.builder().calibration(4, 10).build();

    CalibrationSet whole = recipe.calibrationSet("ids", new int[100]);
    CalibrationSet part = recipe.calibrationSet("ids", new int[25]);

    assertThat(whole.windows()).hasSize(4);
    assertThat(part.windows()).hasSize(2);
    assertThatThrownBy(() -> recipe.calibrationSet("ids", new int[9]))
        .hasMessageStartingWith("ids: 9 tokens make 0 windows of 10 tokens, expected 1");
  }

  @Test
  void anAllocationThatWasNotChosenFollowsTheRestoration() {
    // GIVEN the best recipe, and one that chooses the same allocation
    PruningRecipe best = PruningRecipe.best();
    PruningRecipe chosen = best.toBuilder().allocation(best.allocation()).build();
    assertThat(chosen).isEqualTo(best);

    // WHEN nothing is to be restored
    // THEN the first takes the allocation of recipes that restore nothing, the second keeps its own
    assertThat(best.toBuilder().restoration(null).build().allocation().name()).isEqualTo("uniform");
    assertThat(chosen.toBuilder().restoration(null).build().allocation().name())
        .isEqualTo("trapezoid");
  }
}
