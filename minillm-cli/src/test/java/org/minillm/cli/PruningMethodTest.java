package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.evidence.CalibrationSet;

class PruningMethodTest {

  @Test
  void commaSeparatesMethodsUnlessASettingFollows() {
    // WHEN
    List<PruningMethod> methods =
        PruningMethod.parseList("fms:aggregation=max@spsa:probes=2,data=all,wanda", Map.of());

    // THEN
    assertThat(methods)
        .extracting(PruningMethod::word)
        .containsExactly("fms:aggregation=max@spsa:probes=2,data=all", "wanda");
  }

  @Test
  void commasInParenthesesSeparateNothing() {
    // WHEN
    List<PruningMethod> methods =
        PruningMethod.parseList(
            "obs+least-squares~search:among=(trapezoid:first=0.2,last=0.1,by=stream)*global,wanda",
            Map.of());

    // THEN
    assertThat(methods).hasSize(2);
    assertThat(methods.get(0).recipe().allocation().name()).isEqualTo("search");
  }

  @Test
  void combinationOfCriteriaIsOneCriterion() {
    // WHEN
    List<PruningMethod> methods =
        PruningMethod.parseList(
            "combination:of=(taylor:form=vector)*flap,by=rank_sum/gate-fisher@backprop,wanda",
            Map.of());

    // THEN
    assertThat(methods).hasSize(2);
    assertThat(methods.get(0).recipe().criterion(GroupKind.MLP_CHANNELS).parameters())
        .containsEntry("of", "(taylor:form=vector)*flap")
        .containsEntry("by", "rank_sum");
    assertThat(methods.get(0).recipe().criterion(GroupKind.ATTENTION_HEADS).name())
        .isEqualTo("gate-fisher");
  }

  @Test
  void aMethodReadsTheWindowsOfTheCommandUnlessItsWordSaysOthers() {
    // GIVEN
    List<PruningMethod> methods = PruningMethod.parseList("wanda,wanda^2x5", Map.of());

    // WHEN
    CalibrationSet ofCommand = methods.get(0).calibration("ids", new int[100], 3, 10);
    CalibrationSet own = methods.get(1).calibration("ids", new int[100], 3, 10);

    // THEN
    assertThat(ofCommand.windows()).hasSize(3).allMatch(window -> window.length == 10);
    assertThat(own.windows()).hasSize(2).allMatch(window -> window.length == 5);
  }
}
