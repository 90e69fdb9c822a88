package org.minillm.criteria;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;
import org.minillm.core.evidence.GradientEstimator;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plugin.Plugins;

class CriterionLookUpTest {

  @Test
  void allAreFoundByNameWithTheirDefaults() {
    assertThat(Plugins.configured(ImportanceCriterion.class, "fms"))
        .isEqualTo(new Fms(Aggregation.SUM));
    assertThat(Plugins.configured(ImportanceCriterion.class, "wanda"))
        .isEqualTo(new Wanda(Aggregation.SUM));
    assertThat(Plugins.configured(ImportanceCriterion.class, "magnitude"))
        .isEqualTo(new Magnitude());
    assertThat(Plugins.configured(ImportanceCriterion.class, "flap")).isEqualTo(new Flap());
    assertThat(Plugins.configured(ImportanceCriterion.class, "taylor"))
        .isEqualTo(new Taylor(Taylor.Form.ELEMENT));
    assertThat(Plugins.configured(ImportanceCriterion.class, "gate")).isEqualTo(new Gate());
    assertThat(Plugins.configured(ImportanceCriterion.class, "gate-fisher"))
        .isEqualTo(new GateFisher());
    assertThat(Plugins.configured(ImportanceCriterion.class, "random"))
        .isEqualTo(new RandomCriterion(0));
  }

  @Test
  void unknownNameListsAllOfThem() {
    assertThatThrownBy(() -> Plugins.configured(ImportanceCriterion.class, "fsm"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(
            "no importance criterion \"fsm\"; there is energy, flap, fms, gate,"
                + " gate-fisher, magnitude, obs, random, taylor, wanda; add the module");
  }

  @Test
  void specSetsTheParameters() {
    assertThat(Plugins.configured(ImportanceCriterion.class, "fms:aggregation=max"))
        .isEqualTo(new Fms(Aggregation.MAX));
    assertThat(Plugins.configured(ImportanceCriterion.class, "wanda:aggregation=mean"))
        .isEqualTo(new Wanda(Aggregation.MEAN));
    assertThat(Plugins.configured(ImportanceCriterion.class, "taylor:form=vector"))
        .isEqualTo(new Taylor(Taylor.Form.VECTOR));
    assertThat(Plugins.configured(ImportanceCriterion.class, "random:seed=-7"))
        .isEqualTo(new RandomCriterion(-7));
  }

  @Test
  void parametersMakeTheSameCriterionAgain() {
    // GIVEN
    Fms fms = new Fms(Aggregation.MEAN);
    Wanda wanda = new Wanda(Aggregation.MAX);
    RandomCriterion random = new RandomCriterion(5);
    // THEN
    assertThat(new Fms().with(fms.parameters())).isEqualTo(fms);
    assertThat(new Wanda().with(wanda.parameters())).isEqualTo(wanda);
    assertThat(new RandomCriterion().with(random.parameters())).isEqualTo(random);
  }

  @Test
  void parametersThatAreNotGivenStay() {
    assertThat(new Fms(Aggregation.MAX).with(Map.of())).isEqualTo(new Fms(Aggregation.MAX));
    assertThat(new RandomCriterion(5).with(Map.of())).isEqualTo(new RandomCriterion(5));
  }

  @Test
  void errorsListWhatIsAccepted() {
    assertRejected("fms:seed=1", "fms has no parameter seed; it takes aggregation");
    assertRejected("magnitude:seed=1", "magnitude has no parameter seed; it takes none");
    assertRejected("wanda:aggregation=l2", "aggregation \"l2\", expected one of sum, mean, max");
    assertRejected("random:seed=x", "seed \"x\", expected a whole number of 64 bits");
  }

  @Test
  void gradientEstimatorsAreFoundByNameWithTheirSettings() {
    assertThat(Plugins.configured(GradientEstimator.class, "backprop")).isEqualTo(new Backprop());
    assertThat(Plugins.configured(GradientEstimator.class, "gates"))
        .isEqualTo(new GateSpsa(4, 1e-3, 0));
    assertThat(Plugins.configured(GradientEstimator.class, "gates:pairs=8,epsilon=0.01,seed=3"))
        .isEqualTo(new GateSpsa(8, 0.01, 3));
  }

  @Test
  void gatesTakeAtLeastTwoPairs() {
    assertThatThrownBy(() -> Plugins.configured(GradientEstimator.class, "gates:pairs=1"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("pairs 1: expected at least 2; a mean square takes products of two");
  }

  @Test
  void documentationHasALineForEach() throws IOException {
    // GIVEN
    String page = Files.readString(Path.of("../docs/criteria.md"));

    // THEN
    assertThat(ServiceLoader.load(GradientEstimator.class))
        .allSatisfy(estimator -> assertThat(page).contains("| `" + estimator.name() + "` |"));
    assertThat(ServiceLoader.load(ImportanceCriterion.class))
        .allSatisfy(criterion -> assertThat(page).contains("| `" + criterion.name() + "` |"));
  }

  private static void assertRejected(String spec, String message) {
    assertThatThrownBy(() -> Plugins.configured(ImportanceCriterion.class, spec))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }
}
