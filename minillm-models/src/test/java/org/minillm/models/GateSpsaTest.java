package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.evidence.GateGradient;
import org.minillm.core.evidence.GradientEstimate;
import org.minillm.core.evidence.GradientEstimator;
import org.minillm.core.evidence.GradientRequest;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.PassRunner;
import org.minillm.criteria.Backprop;
import org.minillm.criteria.Fms;
import org.minillm.criteria.GateFisher;
import org.minillm.criteria.GateSpsa;
import org.minillm.criteria.Spsa;

/**
 * The forward-only gradients of the gates of tiny-llama's 12 key-value heads against exact ones.
 * Over P probes of n gates the cosine of an unbiased mean with the truth is about 1 / sqrt(1 + (n -
 * 1) / P): 0.65 for 8 probes, 0.92 for 64.
 */
class GateSpsaTest {

  private static final int WINDOWS = 4;
  private static final long SEED = 1;

  /** Three standard errors of the estimate's projection on the truth, sqrt(2 / 64) each. */
  private static final double PROJECTION_TOLERANCE = 0.53;

  private static final GradientRequest HEADS =
      GradientRequest.of(Evidence.GATE_GRADIENT, GroupKind.ATTENTION_HEADS);

  @TempDir static Path temp;

  private static CausalLm model;
  private static CalibrationSet data;
  private static Heads exact;
  private static Heads estimated;

  /** The numbers of all heads of all layers. */
  private record Heads(List<Double> mean, List<Double> meanSquare) {}

  @BeforeAll
  static void estimate() throws IOException {
    model = CausalLm.open(TestModels.folder("tiny-llama", temp));
    try (Goldens goldens = Goldens.of("tiny-llama-importance")) {
      List<int[]> windows = goldens.ids("calibration_ids").subList(0, WINDOWS);
      data = new CalibrationSet("goldens", 128, ImmutableList.copyOf(windows));
    }
    exact = heads(new Backprop());
    estimated = heads(probes(64));
  }

  @AfterAll
  static void close() throws IOException {
    model.close();
  }

  private static Heads heads(GradientEstimator estimator) throws IOException {
    try (GradientEstimate estimate = estimator.estimate(new PassRunner(model), data, HEADS)) {
      ImmutableList.Builder<Double> mean = ImmutableList.builder();
      ImmutableList.Builder<Double> meanSquare = ImmutableList.builder();
      for (PruningGroup group : model.groups(List.of(GroupKind.ATTENTION_HEADS))) {
        GateGradient gates = estimate.gates(group).orElseThrow();
        mean.addAll(gates.mean().asList());
        meanSquare.addAll(gates.meanSquare().asList());
      }
      return new Heads(mean.build(), meanSquare.build());
    }
  }

  private static GateSpsa probes(int count) {
    return new GateSpsa(count / WINDOWS, Spsa.DEFAULT_EPSILON, SEED);
  }

  private static double dot(List<Double> a, List<Double> b) {
    double sum = 0;
    for (int i = 0; i < a.size(); i++) {
      sum += a.get(i) * b.get(i);
    }
    return sum;
  }

  private static double cosine(List<Double> a, List<Double> b) {
    return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  }

  @Test
  void theMeanApproachesTheGradientOfTheGates() throws IOException {
    // GIVEN an estimate of few probes
    List<Double> few = heads(probes(8)).mean();

    // WHEN many probes are averaged
    List<Double> many = estimated.mean();

    // THEN the direction becomes that of the exact gradient
    assertThat(many).hasSize(12);
    assertThat(cosine(many, exact.mean()))
        .isGreaterThan(0.8)
        .isGreaterThan(cosine(few, exact.mean()));
    // AND the size is the same: a factor of 2 that was forgotten would be seen
    assertThat(dot(many, exact.mean()) / dot(exact.mean(), exact.mean()))
        .isCloseTo(1, within(PROJECTION_TOLERANCE));
  }

  @Test
  void theMeanSquareApproachesTheFisherInformationOfTheGates() {
    // THEN direction and size are those of the exact one
    List<Double> truth = exact.meanSquare();
    assertThat(cosine(estimated.meanSquare(), truth)).isGreaterThan(0.8);
    assertThat(dot(estimated.meanSquare(), truth) / dot(truth, truth))
        .isCloseTo(1, within(PROJECTION_TOLERANCE));
  }

  @Test
  void theSameSeedGivesTheSamePlanToTheByte() throws IOException {
    // WHEN two plans are made
    PruningPlan first = plan(new GateFisher(), probes(8));
    PruningPlan second = plan(new GateFisher(), probes(8));

    // THEN they are equal, and say how the gradient was estimated
    assertThat(second.toJson()).isEqualTo(first.toJson());
    assertThat(first.provenance())
        .containsEntry("criterion", "gate-fisher")
        .containsEntry("gradient", "gates")
        .containsEntry("gradient.pairs", "2")
        .containsEntry("forward_passes", "4");
  }

  private static PruningPlan plan(ImportanceCriterion criterion, GradientEstimator estimator)
      throws IOException {
    return StructuredPruner.builder(criterion, PruningTarget.of(0.3, GroupKind.ATTENTION_HEADS))
        .gradientEstimator(estimator)
        .build()
        .plan(model, data);
  }

  @Test
  void aCriterionThatNeedsAnotherGradientIsRefusedBeforeAnyPass() {
    assertThatThrownBy(() -> plan(new Fms(), probes(8)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "the criterion needs [GRADIENT], which the gradient estimator gates does not make;"
                + " expected one of backprop, spsa");
    assertThatThrownBy(() -> plan(new GateFisher(), new Spsa()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "the criterion needs [GATE_GRADIENT], which the gradient estimator spsa does not make;"
                + " expected one of backprop, gates");
  }
}
