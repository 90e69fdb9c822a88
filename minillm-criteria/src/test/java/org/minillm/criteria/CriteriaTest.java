package org.minillm.criteria;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.evidence.TokenWeights;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.tensor.NotFiniteException;

class CriteriaTest {

  /** Scores are a few roundings of a double away from the exact value. */
  private static final Offset<Double> ROUNDING = Offset.offset(1e-12);

  /** LLaMA's MLP: hidden size 2, 3 channels. */
  /** A root and its square in double. */
  private static final double RELATIVE_ROUNDING = 1e-12;

  private static final PruningGroup MLP =
      new PruningGroup(
          new GroupId(3, GroupKind.MLP_CHANNELS),
          3,
          List.of(
              new TensorSlice("gate", 0, 1, "gate"),
              new TensorSlice("up", 0, 1, "gate"),
              new TensorSlice("down", 1, 1, "down")));

  /** Grouped-query attention: hidden size 1, head size 2, 2 key-value heads of 2 query heads. */
  private static final PruningGroup ATTENTION =
      new PruningGroup(
          new GroupId(3, GroupKind.ATTENTION_HEADS),
          2,
          List.of(
              new TensorSlice("q", 0, 4, "q"),
              new TensorSlice("k", 0, 2, "q"),
              new TensorSlice("v", 0, 2, "q"),
              new TensorSlice("o", 1, 4, "o")));

  /** OPT's MLP: hidden size 1, 2 channels, a bias. */
  private static final PruningGroup BIASED =
      new PruningGroup(
          new GroupId(3, GroupKind.MLP_CHANNELS),
          2,
          List.of(
              new TensorSlice("fc1.weight", 0, 1, "fc1"),
              new TensorSlice("fc1.bias", 0, 1, null),
              new TensorSlice("fc2.weight", 1, 1, "fc2")));

  @Test
  void fmsSumsWeightTimesGradientTimesInputNorm() throws IOException {
    // GIVEN unit 0: gate 1*1*3 + 2*0.5*4, up 2*0*3 + 1*1*4, down 1*3*1 + 0
    // unit 1: gate 3*1*3 + 0, up 0 + 1*2*4, down 1*1*10 + 4*0.5*10
    // unit 2: gate 1*2*3 + 0, up 1*1*3 + 1*1*4, down 0 + 3*1*100
    // THEN
    assertThat(scoreMlp(new Fms(), true)).containsExactly(7 + 4 + 3, 9 + 8 + 30, 6 + 7 + 300);
  }

  @Test
  void wandaSumsWeightTimesInputNorm() throws IOException {
    // GIVEN unit 0: gate 1*3 + 2*4, up 2*3 + 1*4, down 1*1 + 0
    // unit 1: gate 3*3 + 0, up 0 + 1*4, down 1*10 + 4*10
    // unit 2: gate 1*3 + 1*4, up 1*3 + 1*4, down 2*100 + 3*100
    // THEN
    assertThat(scoreMlp(new Wanda(), true)).containsExactly(11 + 10 + 1, 9 + 4 + 50, 7 + 7 + 500);
  }

  @Test
  void meanDividesByTheWeightsOfTheUnit() throws IOException {
    // GIVEN Wanda's sums and 2 + 2 + 2 weights a unit
    // THEN
    assertThat(scoreMlp(new Wanda(Aggregation.MEAN), true))
        .containsExactly(22 / 6.0, 63 / 6.0, 514 / 6.0);
  }

  @Test
  void maximumIsOverAllSlices() throws IOException {
    // GIVEN Wanda's terms: unit 0 has 3 8, 6 4, 1 0; unit 1 has 9 0, 0 4, 10 40; unit 2 has
    // 3 4, 3 4, 200 300
    // THEN
    assertThat(scoreMlp(new Wanda(Aggregation.MAX), true)).containsExactly(8, 40, 300);
    // THEN for FMS: 3 4, 0 4, 3 0; 9 0, 0 8, 10 20; 6 0, 3 4, 0 300
    assertThat(scoreMlp(new Fms(Aggregation.MAX), true)).containsExactly(4, 20, 300);
  }

  @Test
  void magnitudeIsTheNormOfAllWeightsOfTheUnit() throws IOException {
    // GIVEN unit 0: (1 -2), (2 1), (1 0); unit 1: (3 0), (0 -1), (-1 4); unit 2: (-1 1), (1 1),
    // (2 -3)
    // THEN
    assertThat(scoreMlp(new Magnitude(), true))
        .containsExactly(Math.sqrt(11), Math.sqrt(27), Math.sqrt(17));
  }

  @Test
  void energyIsTheSquareOfWhatTheConsumerIsFed() throws IOException {
    // GIVEN columns of down (1 0), (-1 4), (2 -3) and input norms 1, 10, 100
    // THEN
    assertThat(scoreMlp(new Energy(), false)).containsExactly(1, 17 * 100, 13 * 10_000);
  }

  @Test
  void energyOfAHeadIsThatOfAllItsChannels() throws IOException {
    // GIVEN key-value heads of 2 query heads of 2 channels, input norms 1 to 8
    Energy energy = new Energy(TokenWeights.STREAM);
    try (HandMadeEvidence evidence = new HandMadeEvidence(1, energy)) {
      evidence
          .weight("o", new Shape(1, 8), 1, 1, -1, 1, 0, 0, 2, 0)
          .input("o", 1, 2, 3, 4, 5, 6, 7, 8);

      // WHEN they are scored
      // THEN 1 + 4 + 9 + 16 and (2 * 7)^2
      assertThat(energy.score(ATTENTION, evidence)).containsExactly(30, 196);
    }
  }

  @Test
  void obsDividesByTheDiagonalOfTheInverseOfTheDampedMoments() throws IOException {
    // GIVEN H with a correlated pair, its diagonal added once more: [[4, 1], [1, 4]] and 8,
    // the inverse of which has the diagonal 4/15, 4/15, 1/8; columns of down with 1, 17 and 13
    Obs obs = new Obs(1, Obs.Ridge.DIAGONAL, TokenWeights.EQUAL, 1);
    try (HandMadeEvidence evidence = mlp(obs)) {
      evidence.moments("down", 3, 2, 1, 0, 1, 2, 0, 0, 0, 4);

      // WHEN
      double[] scores = obs.score(MLP, evidence);

      // THEN
      assertThat(scores)
          .containsExactly(
              new double[] {15 / 4.0, 17 * 15 / 4.0, 13 * 8}, within(RELATIVE_ROUNDING * 104));
    }
  }

  @Test
  void obsCanBeDampedByTheMeanOfTheDiagonal() throws IOException {
    // GIVEN H = diag(1, 2, 3) and the ridge 0.5 * 2
    Obs obs = new Obs(0.5, Obs.Ridge.MEAN, TokenWeights.STREAM, 1);
    try (HandMadeEvidence evidence = mlp(obs)) {
      evidence.moments("down", 3, 1, 0, 0, 0, 2, 0, 0, 0, 3);

      // WHEN, THEN
      assertThat(obs.score(MLP, evidence))
          .containsExactly(new double[] {2, 17 * 3, 13 * 4}, within(RELATIVE_ROUNDING * 52));
    }
  }

  @Test
  void fmsIsWandaWhereTheGradientIsAbsent() throws IOException {
    for (Aggregation aggregation : Aggregation.values()) {
      assertThat(scoreMlp(new Fms(aggregation), false))
          .isEqualTo(scoreMlp(new Wanda(aggregation), false));
    }
  }

  @Test
  void fmsIsWandaWhereTheGradientIsOneOrMinusOne() throws IOException {
    // GIVEN
    Fms fms = new Fms();
    try (HandMadeEvidence evidence = mlp(fms)) {
      evidence
          .gradient("gate", 1, -1, 1, 1, -1, 1)
          .gradient("up", -1, 1, 1, 1, 1, 1)
          .gradient("down", 1, 1, -1, 1, -1, 1);
      // WHEN
      double[] scores = fms.score(MLP, evidence);
      // THEN
      assertThat(scores).isEqualTo(scoreMlp(new Wanda(), false));
    }
  }

  @Test
  void keyValueHeadGoesWithItsQueryHeads() throws IOException {
    // GIVEN an input norm of 2 for q, k, v and of 1 to 8 for o
    Wanda wanda = new Wanda();
    try (HandMadeEvidence evidence = new HandMadeEvidence(1, wanda)) {
      evidence
          .weight("q", new Shape(8, 1), 1, 1, 1, 1, 2, -2, 2, 2)
          .weight("k", new Shape(4, 1), 1, 2, 3, -4)
          .weight("v", new Shape(4, 1), 5, 0, 0, 6)
          .weight("o", new Shape(1, 8), 1, 1, -1, 1, 0, 0, 2, 0)
          .input("q", 2)
          .input("o", 1, 2, 3, 4, 5, 6, 7, 8);
      // WHEN
      double[] scores = wanda.score(ATTENTION, evidence);
      // THEN
      assertThat(scores)
          .containsExactly((4 + 3 + 5) * 2 + (1 + 2 + 3 + 4), (8 + 7 + 6) * 2 + 2 * 7);
    }
  }

  @Test
  void biasHasTheRootOfTheTokensAsItsInputNorm() throws IOException {
    // GIVEN 4 tokens, so a norm of 2 for the bias
    // THEN
    assertThat(scoreBiased(new Wanda())).containsExactly(1 * 5 + 3 * 2 + 1 * 7, 2 * 5 + 1 * 2 + 8);
  }

  @Test
  void biasCountsAmongTheWeightsOfTheMean() throws IOException {
    assertThat(scoreBiased(new Wanda(Aggregation.MEAN))).containsExactly(18 / 3.0, 20 / 3.0);
  }

  @Test
  void biasCountsInTheMagnitude() throws IOException {
    assertThat(scoreBiased(new Magnitude()))
        .containsExactly(Math.sqrt(1 + 9 + 1), Math.sqrt(4 + 1 + 1));
  }

  @Test
  void flapIsTheUnbiasedVarianceTimesTheSquaredNormOfTheColumns() throws IOException {
    // GIVEN columns of squared norms 1, 17 and 13, and inputs of unbiased variances 2, 8 and 0
    Flap flap = new Flap();
    try (HandMadeEvidence evidence = mlp(flap)) {
      evidence.tokens("down", 3, 1, 10, 7, 3, 14, 7);
      // WHEN
      double[] scores = flap.score(MLP, evidence);
      // THEN
      assertThat(scores).containsExactly(new double[] {2, 8 * 17, 0}, ROUNDING);
    }
  }

  @Test
  void flapSumsOverTheColumnsOfAHead() throws IOException {
    // GIVEN the squared columns 1 1 1 1 and 0 0 4 9, and variances 2 0 8 0 and 2 2 8 2
    Flap flap = new Flap();
    try (HandMadeEvidence evidence = new HandMadeEvidence(1, flap)) {
      evidence
          .weight("o", new Shape(1, 8), 1, 1, -1, 1, 0, 0, 2, -3)
          .tokens("o", 8, 1, 5, 2, 5, 1, 1, 2, 1, 3, 5, 6, 5, 3, 3, 6, 3);
      // WHEN
      double[] scores = flap.score(ATTENTION, evidence);
      // THEN
      assertThat(scores).containsExactly(new double[] {2 + 8, 4 * 8 + 9 * 2}, ROUNDING);
    }
  }

  @Test
  void taylorSumsTheAbsoluteValuesOfWeightTimesGradient() throws IOException {
    // GIVEN W * g of unit 0: gate 1 -1, up 0 1, down 3 0; unit 1: gate -3 0, up 0 2, down -1 -2;
    // unit 2: gate -2 0, up 1 1, down 0 -3
    // THEN
    assertThat(scoreMlp(new Taylor(), true)).containsExactly(6, 8, 7);
  }

  @Test
  void taylorsVectorFormSumsEachSliceBeforeTheAbsoluteValue() throws IOException {
    // GIVEN the sums of the gate row, the up row and the down column: 0 1 3; -3 2 -3; -2 2 -3
    // THEN
    assertThat(scoreMlp(new Taylor(Taylor.Form.VECTOR), true)).containsExactly(4, 3 + 2 + 3, 7);
  }

  @Test
  void taylorsVectorFormSumsOverAllWeightsThatAHeadHasInASlice() throws IOException {
    // GIVEN a gradient of 1 everywhere
    Taylor taylor = new Taylor(Taylor.Form.VECTOR);
    try (HandMadeEvidence evidence = new HandMadeEvidence(1, taylor)) {
      evidence
          .weight("q", new Shape(8, 1), 1, 1, 1, 1, 2, -2, 2, 2)
          .weight("k", new Shape(4, 1), 1, 2, 3, -4)
          .weight("v", new Shape(4, 1), 5, 0, 0, -6)
          .weight("o", new Shape(1, 8), 1, 1, -1, 1, 0, 0, -2, 0);
      // WHEN
      double[] scores = taylor.score(ATTENTION, evidence);
      // THEN
      assertThat(scores).containsExactly(4 + 3 + 5 + 2, 4 + 1 + 6 + 2);
    }
  }

  @Test
  void taylorsVectorFormTakesABiasAsASlice() throws IOException {
    // GIVEN a gradient of 1 everywhere
    // THEN the bias of -3 counts beside the weights
    assertThat(scoreBiased(new Taylor(Taylor.Form.VECTOR))).containsExactly(1 + 3 + 1, 2 + 1 + 1);
  }

  @Test
  void gateIsTheAbsoluteMeanGradientOfTheGate() {
    Gate gate = new Gate();
    try (HandMadeEvidence evidence =
        new HandMadeEvidence(1, gate).gates(new double[] {-3, 2, 0}, new double[] {10, 5, 1})) {
      assertThat(gate.score(MLP, evidence)).containsExactly(3, 2, 0);
    }
  }

  @Test
  void gateFisherIsTheMeanSquareOfTheGradientOfTheGate() {
    GateFisher gateFisher = new GateFisher();
    try (HandMadeEvidence evidence =
        new HandMadeEvidence(1, gateFisher)
            .gates(new double[] {-3, 2, 0}, new double[] {10, 5, -1})) {
      assertThat(gateFisher.score(MLP, evidence)).containsExactly(10, 5, -1);
    }
  }

  @Test
  void scoreThatIsNotFiniteNamesGroupAndUnit() {
    Magnitude magnitude = new Magnitude();
    try (HandMadeEvidence evidence = mlp(magnitude)) {
      // GIVEN
      evidence.weight("up", new Shape(3, 2), 2, 1, 0, Float.NaN, 1, 1);
      // THEN
      assertThatThrownBy(() -> magnitude.score(MLP, evidence))
          .isInstanceOf(NotFiniteException.class)
          .hasMessage("layer 3 mlp_channels: the score of unit 1 is NaN");
    }
  }

  @Test
  void eachAsksForWhatItUsesAndNoMore() {
    assertThat(new Fms().requires())
        .containsExactlyInAnyOrder(Evidence.INPUT_STATISTICS, Evidence.GRADIENT);
    assertThat(new Wanda().requires()).containsExactly(Evidence.INPUT_STATISTICS);
    assertThat(new Flap().requires()).containsExactly(Evidence.INPUT_STATISTICS);
    assertThat(new Taylor().requires()).containsExactly(Evidence.GRADIENT);
    assertThat(new Gate().requires()).containsExactly(Evidence.GATE_GRADIENT);
    assertThat(new GateFisher().requires()).containsExactly(Evidence.GATE_GRADIENT);
    assertThat(new Magnitude().requires()).isEmpty();
    assertThat(new RandomCriterion().requires()).isEmpty();
  }

  private static double[] scoreMlp(ImportanceCriterion criterion, boolean withGradient)
      throws IOException {
    try (HandMadeEvidence evidence = mlp(criterion)) {
      if (withGradient) {
        evidence
            .gradient("gate", 1, 0.5f, -1, 7, 2, 0)
            .gradient("up", 0, 1, 1, -2, 1, 1)
            .gradient("down", 3, 1, 0, 1, -0.5f, 1);
      }
      return criterion.score(MLP, evidence);
    }
  }

  private static HandMadeEvidence mlp(ImportanceCriterion criterion) {
    return new HandMadeEvidence(1, criterion)
        .weight("gate", new Shape(3, 2), 1, -2, 3, 0, -1, 1)
        .weight("up", new Shape(3, 2), 2, 1, 0, -1, 1, 1)
        .weight("down", new Shape(2, 3), 1, -1, 2, 0, 4, -3)
        .input("gate", 3, 4)
        .input("down", 1, 10, 100);
  }

  private static double[] scoreBiased(ImportanceCriterion criterion) throws IOException {
    try (HandMadeEvidence evidence = new HandMadeEvidence(4, criterion)) {
      evidence
          .weight("fc1.weight", new Shape(2, 1), 1, -2)
          .weight("fc1.bias", new Shape(2), -3, 1)
          .weight("fc2.weight", new Shape(1, 2), 1, 1)
          .input("fc1", 5)
          .input("fc2", 7, 8);
      return criterion.score(BIASED, evidence);
    }
  }
}
