package org.minillm.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.evidence.BlockEvidence;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.evidence.TokenWeights;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plugin.Plugins;
import org.minillm.criteria.Flap;
import org.minillm.criteria.Obs;
import org.minillm.criteria.RandomCriterion;
import org.minillm.criteria.Taylor;

class CombinationTest {

  /** Scores of size 10 after a few roundings of a double. */
  private static final Offset<Double> ROUNDING = Offset.offset(1e-13);

  /** What is written down asks for nothing. */
  private static final BlockEvidence NOTHING =
      (BlockEvidence)
          Proxy.newProxyInstance(
              BlockEvidence.class.getClassLoader(),
              new Class<?>[] {BlockEvidence.class},
              (proxy, method, arguments) -> {
                throw new AssertionError(method);
              });

  /** Scores that a test writes down. */
  private record Written(double... scores) implements ImportanceCriterion {
    @Override
    public String name() {
      return "written";
    }

    @Override
    public Set<Evidence> requires() {
      return Set.of();
    }

    @Override
    public double[] score(PruningGroup group, BlockEvidence evidence) {
      return scores.clone();
    }
  }

  private static double[] score(Combination.Rule rule, double[]... scores) throws IOException {
    ImmutableList<ImportanceCriterion> written =
        Stream.of(scores)
            .map(Written::new)
            .map(ImportanceCriterion.class::cast)
            .collect(ImmutableList.toImmutableList());
    Combination combination = new Combination(written, rule);
    PruningGroup group =
        new PruningGroup(
            new GroupId(0, GroupKind.MLP_CHANNELS),
            scores[0].length,
            ImmutableList.of(new TensorSlice("down", 1, 1, "down")));
    return combination.score(group, NOTHING);
  }

  private static ImportanceCriterion configured(String spec) {
    return Plugins.configured(ImportanceCriterion.class, spec);
  }

  @Test
  void productIsOfScoresDividedByTheirMean() throws IOException {
    // GIVEN means of 2 and 20
    double[] product =
        score(Combination.Rule.PRODUCT, new double[] {1, 2, 3}, new double[] {30, 10, 20});
    // THEN 0.5 * 1.5, 1 * 0.5, 1.5 * 1
    assertThat(product).containsExactly(new double[] {0.75, 0.5, 1.5}, ROUNDING);
  }

  @Test
  void productTakesANegativeScoreAsZero() throws IOException {
    // GIVEN a mean of 2 where -5 counts as 0
    double[] product =
        score(Combination.Rule.PRODUCT, new double[] {-5, 2, 4}, new double[] {1, 1, 1});
    // THEN
    assertThat(product).containsExactly(new double[] {0, 1, 2}, ROUNDING);
  }

  @Test
  void productLeavesOutACriterionThatSaysNothing() throws IOException {
    double[] product =
        score(Combination.Rule.PRODUCT, new double[] {0, 0, 0}, new double[] {1, 3, 2});
    assertThat(product).containsExactly(new double[] {0.5, 1.5, 1}, ROUNDING);
  }

  @Test
  void rankSumAddsRanksFromZeroAndEqualScoresShareTheirMeanRank() throws IOException {
    // GIVEN ranks 1.5 0 1.5 3 and 0 1 2 3
    double[] sums =
        score(Combination.Rule.RANK_SUM, new double[] {7, -1, 7, 9}, new double[] {1, 2, 3, 40});
    // THEN
    assertThat(sums).containsExactly(1.5, 1, 3.5, 6);
  }

  @Test
  void criteriaAreTakenByNameWithTheirSettings() {
    assertThat(configured("combination:of=taylor:form=vector*flap*random:seed=7,by=rank_sum"))
        .isEqualTo(
            new Combination(
                ImmutableList.of(
                    new Taylor(Taylor.Form.VECTOR), new Flap(), new RandomCriterion(7)),
                Combination.Rule.RANK_SUM));
  }

  @Test
  void severalSettingsOfOneCriterionMayBeJoinedBySemicolons() {
    // GIVEN
    ImportanceCriterion combination = configured("combination:of=obs:damping=0.5;ridge=mean*flap");
    // THEN
    assertThat(combination)
        .isEqualTo(
            new Combination(
                ImmutableList.of(new Obs(0.5, Obs.Ridge.MEAN, TokenWeights.EQUAL, 1), new Flap()),
                Combination.Rule.PRODUCT));
    assertThat(combination.parameters())
        .containsEntry("of", "(obs:damping=0.5,ridge=mean,rounds=1,tokens=equal)*flap");
  }

  @Test
  void parametersMakeTheSameCombinationAgain() {
    // GIVEN
    ImportanceCriterion combination = configured("combination:of=fms:aggregation=max*flap");
    assertThat(combination.parameters())
        .containsExactlyInAnyOrderEntriesOf(
            Map.of("of", "(fms:aggregation=max)*flap", "by", "product"));
    // THEN
    assertThat(new Combination().with(combination.parameters())).isEqualTo(combination);
  }

  @Test
  void asksForWhatItsCriteriaAskFor() {
    assertThat(configured("combination:of=taylor*flap*magnitude").requires())
        .containsExactlyInAnyOrder(Evidence.GRADIENT, Evidence.INPUT_STATISTICS);
  }

  @Test
  void errorsSayWhatIsExpected() {
    assertThatThrownBy(() -> configured("combination:of=flap"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("of \"flap\": expected at least two criteria, joined by *");
    assertThatThrownBy(() -> configured("combination:of=flap*wnda"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("no importance criterion \"wnda\"; there is combination, energy,");
    assertThatThrownBy(() -> configured("combination").requires())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("such as combination:of=wanda*flap");
  }
}
