package org.minillm.core.pruning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.minillm.core.calibration.BlockEvidence;
import org.minillm.core.calibration.Evidence;
import org.minillm.core.model.PruningGroup;

class PluginsTest {

  @Test
  void findsByName() {
    assertThat(Plugins.find("number", List.of(1, 2, 3), String::valueOf, "2")).isEqualTo(2);
  }

  @Test
  void unknownNameListsTheKnownOnesInOrder() {
    assertThatThrownBy(() -> Plugins.find("number", List.of(3, 1), String::valueOf, "2"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "no number \"2\"; there is 1, 3; add the module that provides it to the class path");
  }

  @Test
  void emptyClassPathIsSaidPlainly() {
    assertThatThrownBy(() -> Plugins.gradientEstimator("spsa"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("no gradient estimator \"spsa\"; there is none;");
    assertThatThrownBy(() -> Plugins.architecture("gptj"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("no architecture \"gptj\"; there is none;");
  }

  @Test
  void twoClassesOfOneNameAreAnErrorWhateverIsWanted() {
    List<Object> plugins = List.of("1", 1, "2");
    assertThatThrownBy(() -> Plugins.find("number", plugins, String::valueOf, "2"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "number \"1\" is provided by both java.lang.String and java.lang.Integer; take one of"
                + " them off the class path");
  }

  @Test
  void criterionWithoutParametersIsAsItCame() {
    assertThat(Plugins.criterion("test").parameters()).isEmpty();
  }

  @Test
  void criterionIsGivenTheParametersOfItsSpec() {
    assertThat(Plugins.criterion("test:one=1,two=a:b=c").parameters())
        .isEqualTo(Map.of("one", "1", "two", "a:b=c"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "test:  | criterion \"test:\": found \"\", expected parameter=value",
        "test:a | criterion \"test:a\": found \"a\", expected parameter=value",
        "test:a= | criterion \"test:a=\": found \"a=\", expected parameter=value",
        "test:=1 | criterion \"test:=1\": found \"=1\", expected parameter=value",
        "test:a=1,a=2 | criterion \"test:a=1,a=2\": parameter a is given twice"
      })
  void specThatCannotBeReadIsRejected(String spec, String message) {
    assertThatThrownBy(() -> Plugins.criterion(spec))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  @Test
  void criterionWithoutParametersRejectsAll() {
    // GIVEN the interface's own way to take parameters
    ImportanceCriterion plain = new TestCriterion(Map.of());
    // THEN
    assertThatThrownBy(() -> ((TestCriterion) plain).inherited(Map.of("seed", "1")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("criterion test has no parameter seed; it takes none");
  }

  /** Registered in this module's test resources; accepts everything. */
  public record TestCriterion(Map<String, String> parameters) implements ImportanceCriterion {

    public TestCriterion() {
      this(Map.of());
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
}
