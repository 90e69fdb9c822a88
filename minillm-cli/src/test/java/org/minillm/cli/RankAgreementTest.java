package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.minillm.core.architecture.GroupKind.ATTENTION_HEADS;
import static org.minillm.core.architecture.GroupKind.MLP_CHANNELS;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;

class RankAgreementTest {

  private static RankAgreement.Group group(
      int layer, GroupKind kind, double[] estimated, double[] exact) {
    return new RankAgreement.Group(new GroupId(layer, kind), estimated, exact);
  }

  private static double[] values(double... values) {
    return values;
  }

  @Test
  void figuresAreAsComputedByHand() {
    // GIVEN a layer in the true order and one in the opposite
    RankAgreement agreement =
        RankAgreement.of(
            List.of(
                group(0, MLP_CHANNELS, values(1, -2), values(-10, 30)),
                group(1, MLP_CHANNELS, values(3, 4), values(20, -5))));

    // THEN within layers 1 and -1
    assertThat(agreement.withinLayers()).isZero();
    // AND over the model ranks 0 1 2 3 of the sizes against 1 3 2 0: sum(d^2) = 1 + 4 + 0 + 9
    assertThat(agreement.overModel()).isCloseTo(1 - 6 * 14 / 60.0, within(1e-12));
    // AND of layers |1 - 2| < |3 + 4| against |-10 + 30| > |20 - 5|
    assertThat(agreement.ofLayers()).isEqualTo(-1);
  }

  @Test
  void unitsOfSeveralKindsAreNotComparedOverTheModelButAddUpInTheirLayer() {
    // GIVEN layers of 1 + 9 and 5 + 2, in truth of 3 + 3 and 2 + 2
    RankAgreement agreement =
        RankAgreement.of(
            List.of(
                group(0, MLP_CHANNELS, values(1), values(3)),
                group(0, ATTENTION_HEADS, values(9), values(3)),
                group(1, MLP_CHANNELS, values(5), values(2)),
                group(1, ATTENTION_HEADS, values(2), values(2))));

    // THEN
    assertThat(agreement.overModel()).isNaN();
    assertThat(agreement.ofLayers()).isEqualTo(1);
    // AND a single unit has no order in its group
    assertThat(agreement.withinLayers()).isNaN();
  }
}
