package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.minillm.core.pruning.Restoration;

class PruningMethodTest {

  private static PruningMethod parse(String spec) {
    return PruningMethod.parse(spec, Map.of("seed", "7"));
  }

  @Test
  void criterionAloneIsTakenWithSpsa() {
    PruningMethod method = parse("fms");
    assertThat(method.criterion().name()).isEqualTo("fms");
    assertThat(Objects.requireNonNull(method.gradient()).name()).isEqualTo("spsa");
    assertThat(method.restoration()).isNull();
    assertThat(method.allocation().name()).isEqualTo("uniform");
  }

  @Test
  void gradientFollowsAnAtSignWithItsOwnSettings() {
    // WHEN
    PruningMethod method = parse("fms:aggregation=max@spsa:probes=16");

    // THEN
    assertThat(method.criterion().parameters()).containsEntry("aggregation", "max");
    assertThat(Objects.requireNonNull(method.gradient()).parameters())
        .containsEntry("probes", "16")
        .containsEntry("seed", "7");
  }

  @Test
  void gradientMayBeNone() {
    assertThat(parse("fms@none").gradient()).isNull();
  }

  @Test
  void allPartsHaveTheirOwnSettings() {
    // WHEN
    PruningMethod method =
        parse("obs:damping=0.2,tokens=stream/energy@none+least-squares:lambda=0.1~global:mix=1");

    // THEN
    assertThat(method.criterion().parameters())
        .containsEntry("damping", "0.2")
        .containsEntry("tokens", "stream");
    assertThat(method.headCriterion().name()).isEqualTo("energy");
    assertThat(method.gradient()).isNull();
    assertThat(Objects.requireNonNull(method.restoration()).parameters())
        .containsEntry("lambda", "0.1");
    assertThat(method.allocation().parameters()).containsEntry("mix", "1.0");
  }

  @Test
  void bestIsWhatPruneDoesUnasked() {
    // WHEN
    PruningMethod method = parse("best");

    // THEN
    assertThat(method.spec()).isEqualTo("best");
    assertThat(method.criterion().name()).isEqualTo("obs");
    assertThat(method.headCriterion().name()).isEqualTo("obs");
    Restoration restoration = Objects.requireNonNull(method.restoration());
    assertThat(restoration.name()).isEqualTo("least-squares");
    assertThat(restoration.valueRestoration()).isPresent();
    assertThat(method.allocation().name()).isEqualTo("middle");
  }

  @Test
  void commaSeparatesMethodsUnlessASettingFollows() {
    // WHEN
    List<PruningMethod> methods =
        PruningMethod.parseList("fms:aggregation=max@spsa:probes=2,data=all,wanda", Map.of());

    // THEN
    assertThat(methods)
        .extracting(PruningMethod::spec)
        .containsExactly("fms:aggregation=max@spsa:probes=2,data=all", "wanda");
  }

  @Test
  void combinationOfCriteriaIsOneCriterion() {
    // WHEN
    List<PruningMethod> methods =
        PruningMethod.parseList(
            "combination:of=taylor:form=vector*flap,by=rank_sum/gate-fisher@backprop,wanda",
            Map.of());

    // THEN
    assertThat(methods).hasSize(2);
    assertThat(methods.get(0).criterion().parameters())
        .containsEntry("of", "taylor:form=vector*flap")
        .containsEntry("by", "rank_sum");
    assertThat(methods.get(0).headCriterion().name()).isEqualTo("gate-fisher");
  }

  @Test
  void searchAmongAllocationsIsOneAllocation() {
    // WHEN
    List<PruningMethod> methods =
        PruningMethod.parseList(
            "obs+least-squares~search:among=middle:first=0.2;last=0.1*global:mix=1,wanda",
            Map.of());

    // THEN
    assertThat(methods).hasSize(2);
    assertThat(methods.get(0).allocation().parameters())
        .containsEntry(
            "among",
            "middle:by=stream;fall=0.0;first=0.2;last=0.1;rise=0.0*global:by=stream;mix=1.0");
  }

  @Test
  void unknownPartIsAnsweredWithWhatThereIs() {
    assertThatThrownBy(() -> parse("fsm")).hasMessageContaining("no importance criterion \"fsm\"");
    assertThatThrownBy(() -> parse("fms@newton"))
        .hasMessageContaining("no gradient estimator \"newton\"");
  }
}
