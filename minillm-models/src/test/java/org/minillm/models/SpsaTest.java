package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.evidence.GradientRequest;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.LayerWeights;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.runtime.ResidualStream;
import org.minillm.core.tensor.Compute;
import org.minillm.criteria.Perturbation;
import org.minillm.criteria.Perturbation.Direction;
import org.minillm.criteria.Spsa;
import org.minillm.criteria.SpsaEstimate;

/** What SPSA measures on a trained model, and what it leaves alone. */
class SpsaTest {

  private static final long SEED = 3;

  /** The curvature along z within the larger step; the slopes are of size |g| = 1. */
  private static final double CURVATURE = 0.01;

  @TempDir static Path temp;

  private static CausalLm model;
  private static CalibrationSet data;

  @BeforeAll
  static void open() throws IOException {
    model = CausalLm.open(TestModels.folder("tiny-llama", temp));
    try (Goldens goldens = Goldens.of("tiny-llama-importance")) {
      data =
          new CalibrationSet(
              "goldens", 128, ImmutableList.copyOf(goldens.ids("calibration_ids").subList(0, 4)));
    }
  }

  @AfterAll
  static void close() throws IOException {
    model.close();
  }

  private static SpsaEstimate estimate(int probes, Direction direction, Spsa.Data seen)
      throws IOException {
    return (SpsaEstimate)
        new Spsa(probes, Spsa.DEFAULT_EPSILON, SEED, direction, seen)
            .estimate(new PassRunner(model), data, GradientRequest.WEIGHTS);
  }

  @Test
  void aCoefficientIsTheSlopeOfTheLossAlongItsDirection() throws IOException {
    // GIVEN the coefficients of some probes
    SpsaEstimate estimate = estimate(3, Direction.NORMAL, Spsa.Data.ALL);
    double smaller = Spsa.DEFAULT_EPSILON / 4;

    for (SpsaEstimate.Probe probe : estimate.probes()) {
      // WHEN the loss is differenced along the same direction with a smaller step
      Perturbation z = new Perturbation(probe.seed(), Direction.NORMAL);
      double slope = (loss(z, smaller) - loss(z, -smaller)) / (2 * smaller);

      // THEN the slope is the same
      assertThat(probe.coefficient()).isCloseTo(slope, within(CURVATURE));
    }
  }

  private static double loss(Perturbation z, double step) throws IOException {
    Set<String> prunable = new HashSet<>();
    groups().forEach(group -> group.slices().forEach(slice -> prunable.add(slice.tensor())));
    WeightTransform moved =
        (tensor, weight, owner) ->
            prunable.contains(tensor)
                ? z.perturbed(tensor, weight, step, model.compute().kernels(), owner)
                : weight;
    try (ForwardPass pass = new ForwardPass(model)) {
      ResidualStream stream = pass.add(data.windows(), moved, BlockTap.NONE);
      pass.run();
      return Arrays.stream(pass.windowLosses(List.of(stream)).get(0)).average().orElseThrow();
    }
  }

  @Test
  void eachProbeSeesItsOwnWindowsOnly() throws IOException {
    // GIVEN two probes that share the windows out between them
    SpsaEstimate shared = estimate(2, Direction.NORMAL, Spsa.Data.OWN);

    for (int k = 0; k < 2; k++) {
      // WHEN the same probe sees a set that holds no other windows
      CalibrationSet own =
          new CalibrationSet(
              "own", 128, ImmutableList.of(data.windows().get(k), data.windows().get(k + 2)));
      SpsaEstimate alone =
          (SpsaEstimate)
              new Spsa(2, Spsa.DEFAULT_EPSILON, SEED, Direction.NORMAL, Spsa.Data.ALL)
                  .estimate(new PassRunner(model), own, GradientRequest.WEIGHTS);

      // THEN it measures the same
      assertThat(shared.probes().get(k)).isEqualTo(alone.probes().get(k));
    }
  }

  @Test
  void perturbingLeavesTheWeightsInMemoryAsTheyWere() throws IOException {
    // GIVEN a model that stays in memory
    assertThat(model.residentLayers()).isEqualTo(model.config().layers().size());
    Map<String, float[]> before = residentWeights();

    // WHEN a gradient is estimated
    estimate(2, Direction.NORMAL, Spsa.Data.ALL);

    // THEN every weight has the bits that it had
    Map<String, float[]> after = residentWeights();
    before.forEach((tensor, values) -> assertThat(after.get(tensor)).as(tensor).isEqualTo(values));
  }

  private static Map<String, float[]> residentWeights() throws IOException {
    Map<String, float[]> weights = new LinkedHashMap<>();
    for (PruningGroup group : groups()) {
      try (LayerWeights layer = model.layer(group.id().layer());
          NDManager unused = Compute.cpu().newManager()) {
        for (TensorSlice slice : group.slices()) {
          weights.put(slice.tensor(), layer.read(slice.tensor(), unused).toFloatArray());
        }
      }
    }
    return weights;
  }

  private static List<PruningGroup> groups() {
    return model.groups(Arrays.asList(GroupKind.values()));
  }

  @Test
  void theSameSeedGivesTheSameCoefficientsToTheBit() throws IOException {
    // WHEN the same estimate is made twice
    SpsaEstimate first = estimate(2, Direction.NORMAL, Spsa.Data.OWN);
    SpsaEstimate second = estimate(2, Direction.NORMAL, Spsa.Data.OWN);

    // THEN the two are equal
    assertThat(second).isEqualTo(first);
  }

  @Test
  void signsAndNormalNumbersAreDifferentDirections() throws IOException {
    // WHEN the same seed is used with both laws
    SpsaEstimate normal = estimate(2, Direction.NORMAL, Spsa.Data.OWN);
    SpsaEstimate signs = estimate(2, Direction.SIGNS, Spsa.Data.OWN);

    // THEN other slopes are measured
    assertThat(signs.probes()).doesNotContainAnyElementsOf(normal.probes());
  }
}
