package org.minillm.core.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.evidence.BlockEvidence;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.evidence.GradientEstimator;
import org.minillm.core.plan.ImportanceCriterion;

class PluginsTest {

  /** A plug-in that is nothing but its name. */
  private record Named(String name) implements Plugin {}

  /** Another class, so that two can claim one name. */
  private record AlsoNamed(String name) implements Plugin {}

  @Test
  void allPluginsOfAKindAreFoundByName() {
    assertThat(Plugins.byName(List.of(new Named("b"), new Named("a"))))
        .containsExactly(Map.entry("a", new Named("a")), Map.entry("b", new Named("b")));
  }

  @Test
  void unknownNameListsTheKnownOnes() {
    assertThatThrownBy(() -> Plugins.named(ImportanceCriterion.class, "fms"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "no importance criterion \"fms\"; there is test; add the module that provides it to"
                + " the class path");
  }

  @Test
  void emptyClassPathIsSaidPlainly() {
    assertThatThrownBy(() -> Plugins.named(GradientEstimator.class, "spsa"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("no gradient estimator \"spsa\"; there is none;");
  }

  @Test
  void twoClassesOfOneNameAreAnErrorWhateverIsWanted() {
    List<Plugin> plugins = List.of(new Named("1"), new AlsoNamed("1"), new Named("2"));
    assertThatThrownBy(() -> Plugins.byName(plugins))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "\"1\" is provided by both %s and %s; take one of them off the class path",
            Named.class.getName(), AlsoNamed.class.getName());
  }

  @Test
  void pluginWithoutParametersIsAsItCame() {
    assertThat(Plugins.configured(ImportanceCriterion.class, "test").parameters()).isEmpty();
  }

  @Test
  void pluginIsGivenTheParametersOfItsSpec() {
    assertThat(Plugins.configured(ImportanceCriterion.class, "test:one=1,two=a:b=c").parameters())
        .isEqualTo(Map.of("one", "1", "two", "a:b=c"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "test:  | \"test:\": found \"\", expected parameter=value",
        "test:a | \"test:a\": found \"a\", expected parameter=value",
        "test:a= | \"test:a=\": found \"a=\", expected parameter=value",
        "test:=1 | \"test:=1\": found \"=1\", expected parameter=value",
        "test:a=1,a=2 | \"test:a=1,a=2\": parameter a is given twice"
      })
  void specThatCannotBeReadIsRejected(String spec, String message) {
    assertThatThrownBy(() -> Plugins.configured(ImportanceCriterion.class, spec))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  @Test
  void pluginWithoutParametersRejectsAll() {
    // GIVEN the interface's own way to take parameters
    TestCriterion plain = new TestCriterion(Map.of());
    // THEN
    assertThatThrownBy(() -> plain.inherited(Map.of("seed", "1")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("test has no parameter seed; it takes none");
  }

  /** Registered in this module's test resources; accepts everything. */
  public record TestCriterion(Map<String, String> parameters) implements ImportanceCriterion {

    public TestCriterion() {
      this(Map.of());
    }

    @Override
    public Set<String> formerNames() {
      return Set.of("trial");
    }

    @Override
    public Map<String, String> formerParameters() {
      return Map.of("uno", "one");
    }

    @Override
    public String name() {
      return "test";
    }

    @Override
    public ImportanceCriterion with(Map<String, String> parameters) {
      return new TestCriterion(parameters);
    }

    ImportanceCriterion inherited(Map<String, String> parameters) {
      return ImportanceCriterion.super.with(parameters);
    }

    @Override
    public Set<Evidence> requires() {
      return Set.of();
    }

    @Override
    public double[] score(PruningGroup group, BlockEvidence evidence) {
      return new double[group.units()];
    }
  }

  @Test
  void aPluginIsFoundByAFormerName() {
    assertThat(Plugins.configured(ImportanceCriterion.class, "trial:one=1").parameters())
        .isEqualTo(Map.of("one", "1"));
  }

  @Test
  void aSettingIsReadByItsFormerName() {
    assertThat(Plugins.configured(ImportanceCriterion.class, "test:uno=1").parameters())
        .isEqualTo(Map.of("one", "1"));
    assertThatThrownBy(() -> Plugins.configured(ImportanceCriterion.class, "test:one=1,uno=2"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("test: one is given twice, under its name and as it was called before");
  }
}
