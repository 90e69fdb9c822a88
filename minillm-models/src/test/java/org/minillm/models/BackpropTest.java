package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.ImmutableSetMultimap;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.evidence.GateGradient;
import org.minillm.core.evidence.GradientEstimate;
import org.minillm.core.evidence.GradientRequest;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.LayerWeights;
import org.minillm.core.runtime.MemoryBudget;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.runtime.ResidualStream;
import org.minillm.core.tensor.Compute;
import org.minillm.core.tensor.HostMemory;
import org.minillm.criteria.Backprop;

/** Gradients of the engine, block by block, against those of transformers for the whole model. */
class BackpropTest {

  /** Of the largest value of a tensor; both sides are sums of float32 products. */
  private static final double TOLERANCE = 1e-4;

  /** The same for ReLU: an input within rounding of its kink may lie on the other side of it. */
  private static final double KINK_TOLERANCE = 1e-3;

  /** Of the length of the gradient: curvature and rounding of a central difference. */
  private static final double SLOPE_TOLERANCE = 2e-3;

  /** A step along the gradient: large against the rounding of the loss, small against its bend. */
  private static final double STEP = 2e-3;

  private static final GradientRequest GATES =
      GradientRequest.of(Evidence.GATE_GRADIENT, GroupKind.values());
  private static final GradientRequest EVERYTHING =
      new GradientRequest(
          ImmutableSetMultimap.<Evidence, GroupKind>builder()
              .putAll(Evidence.GRADIENT, GroupKind.values())
              .putAll(Evidence.GATE_GRADIENT, GroupKind.values())
              .build());

  @TempDir static Path temp;

  private static CausalLm open(String model) throws IOException {
    return CausalLm.open(TestModels.folder(model, temp));
  }

  private static CalibrationSet set(Goldens goldens, String name) {
    List<int[]> ids = goldens.ids(name);
    return new CalibrationSet("goldens", ids.get(0).length, ImmutableList.copyOf(ids));
  }

  private static GradientEstimate estimate(
      CausalLm model, CalibrationSet data, GradientRequest request) throws IOException {
    return new Backprop().estimate(new PassRunner(model), data, request);
  }

  private static List<PruningGroup> groups(CausalLm model) {
    return model.groups(Arrays.asList(GroupKind.values()));
  }

  private static ImmutableSet<String> tensors(CausalLm model) {
    return groups(model).stream()
        .flatMap(group -> group.slices().stream())
        .map(TensorSlice::tensor)
        .collect(ImmutableSet.toImmutableSet());
  }

  private static NDArray gradient(
      GradientEstimate estimate, CausalLm model, String tensor, NDManager owner) {
    Shape shape = model.decoder().tensors().get(tensor);
    Optional<NDArray> gradient = estimate.gradient(tensor, shape, owner);
    return gradient.orElseThrow();
  }

  private static void assertClose(double[] actual, float[] expected, String what) {
    assertClose(actual, expected, TOLERANCE, what);
  }

  private static void assertClose(
      double[] actual, float[] expected, double tolerance, String what) {
    double largest = 0;
    for (float value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    assertThat(actual).as(what).hasSize(expected.length);
    for (int i = 0; i < actual.length; i++) {
      assertThat(actual[i])
          .as("%s, element %d", what, i)
          .isCloseTo(expected[i], within(tolerance * largest));
    }
  }

  private static double[] doubles(NDArray array) {
    FloatBuffer values = HostMemory.floats(array);
    double[] doubles = new double[values.remaining()];
    Arrays.setAll(doubles, values::get);
    return doubles;
  }

  @Test
  void everyGradientIsThatOfTransformers() throws IOException {
    try (Goldens goldens = Goldens.of("llama-gqa-bias");
        Goldens truth = Goldens.of("llama-gqa-bias-gradient");
        CausalLm model = open("llama-gqa-bias");
        NDManager owner = Compute.cpu().newManager();
        GradientEstimate estimate = estimate(model, set(goldens, "input_ids"), EVERYTHING)) {
      for (String tensor : tensors(model)) {
        assertClose(
            doubles(gradient(estimate, model, tensor, owner)), truth.floats(tensor), tensor);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-llama", "tiny-bloom"})
  void sumsOfWeightTimesGradientAreThoseOfTransformers(String name) throws IOException {
    try (Goldens goldens = Goldens.of(name + "-importance");
        CausalLm model = open(name);
        NDManager owner = Compute.cpu().newManager();
        GradientEstimate estimate = estimate(model, set(goldens, "calibration_ids"), EVERYTHING)) {
      for (PruningGroup group : groups(model)) {
        for (TensorSlice slice : group.slices()) {
          NDArray weight = model.checkpoint().read(slice.tensor(), owner);
          NDArray gradient = gradient(estimate, model, slice.tensor(), owner);
          String[] path = slice.tensor().split("\\.");
          String parameter = path[path.length - 2] + "." + path[path.length - 1];
          String golden = golden(group, "wg." + parameter);
          assertClose(unitSums(slice, weight, gradient), goldens.floats(golden), golden);
        }
      }
    }
  }

  private static String golden(PruningGroup group, String what) {
    boolean heads = group.id().kind() == GroupKind.ATTENTION_HEADS;
    return "layers." + group.id().layer() + (heads ? ".heads." : ".channels.") + what;
  }

  private static double[] unitSums(TensorSlice slice, NDArray weight, NDArray gradient) {
    double[] weights = doubles(weight);
    double[] gradients = doubles(gradient);
    int columns = slice.isBias() ? 1 : (int) weight.getShape().get(1);
    double[] sums = new double[(int) weight.getShape().get(slice.axis()) / slice.width()];
    for (int i = 0; i < weights.length; i++) {
      int index = slice.axis() == 0 ? i / columns : i % columns;
      sums[index / slice.width()] += weights[i] * gradients[i];
    }
    return sums;
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-llama", "tiny-opt", "tiny-bloom"})
  void gradientsOfGatesAreThoseOfTransformers(String name) throws IOException {
    try (Goldens goldens = Goldens.of(name + "-importance");
        CausalLm model = open(name);
        GradientEstimate estimate = estimate(model, set(goldens, "calibration_ids"), GATES)) {
      for (PruningGroup group : groups(model)) {
        String golden = golden(group, "gate_grad");
        double[] mean = estimate.gates(group).orElseThrow().mean().toArray();
        double tolerance = name.equals("tiny-opt") ? KINK_TOLERANCE : TOLERANCE;
        assertClose(mean, goldens.floats(golden), tolerance, golden);
      }
    }
  }

  @Test
  void theGradientOfAGateIsTheSumOfWeightTimesGradientOverTheConsumer() throws IOException {
    try (Goldens goldens = Goldens.of("llama-gqa-bias");
        CausalLm model = open("llama-gqa-bias");
        NDManager owner = Compute.cpu().newManager();
        GradientEstimate estimate = estimate(model, set(goldens, "input_ids"), EVERYTHING)) {
      for (PruningGroup group : groups(model)) {
        // GIVEN the gradient of the consumer
        TensorSlice consumer = group.consumer();
        NDArray weight = model.checkpoint().read(consumer.tensor(), owner);
        NDArray gradient = gradient(estimate, model, consumer.tensor(), owner);

        // WHEN the gates of its columns are differentiated
        double[] gates = estimate.gates(group).orElseThrow().mean().toArray();

        // THEN the two agree
        float[] sums = new float[group.units()];
        double[] exact = unitSums(consumer, weight, gradient);
        for (int unit = 0; unit < sums.length; unit++) {
          sums[unit] = (float) exact[unit];
        }
        assertClose(gates, sums, group.id().toString());
      }
    }
  }

  @Test
  void theMeanSquareOfAGateIsOverTheGradientsOfSingleWindows() throws IOException {
    try (Goldens goldens = Goldens.of("tiny-llama-importance");
        CausalLm model = open("tiny-llama")) {
      // GIVEN the gradients of three windows' own losses
      List<int[]> windows = goldens.ids("calibration_ids").subList(0, 3);
      PruningGroup heads = model.groups(List.of(GroupKind.ATTENTION_HEADS)).get(1);
      double[] expected = new double[heads.units()];
      for (int[] window : windows) {
        double[] own = gates(model, List.of(window), heads).mean().toArray();
        for (int unit = 0; unit < own.length; unit++) {
          expected[unit] += own[unit] * own[unit] / windows.size();
        }
      }

      // WHEN the three go together
      double[] meanSquare = gates(model, windows, heads).meanSquare().toArray();

      // THEN the mean square is that of the single ones
      for (int unit = 0; unit < expected.length; unit++) {
        assertThat(meanSquare[unit] / expected[unit]).isCloseTo(1, within(TOLERANCE));
      }
    }
  }

  private static GateGradient gates(CausalLm model, List<int[]> windows, PruningGroup group)
      throws IOException {
    CalibrationSet data = new CalibrationSet("some", 128, ImmutableList.copyOf(windows));
    try (GradientEstimate estimate = estimate(model, data, GATES)) {
      return estimate.gates(group).orElseThrow();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"llama-mha-untied", "llama3-rope", "opt-350m-style", "opt-gelu", "bloom-postln"})
  void theSlopeOfTheLossAlongTheGradientIsItsLength(String name) throws IOException {
    try (Goldens goldens = Goldens.of(name);
        CausalLm model = open(name);
        NDManager owner = Compute.cpu().newManager();
        GradientEstimate estimate = estimate(model, set(goldens, "input_ids"), EVERYTHING)) {
      // GIVEN the length of the gradient over all prunable weights
      double square = 0;
      for (String tensor : tensors(model)) {
        for (double value : doubles(gradient(estimate, model, tensor, owner))) {
          square += value * value;
        }
      }
      double length = Math.sqrt(square);

      // WHEN the weights move along it, both ways
      List<int[]> windows = goldens.ids("input_ids");
      double plus = loss(model, windows, moved(estimate, model, STEP / length));
      double minus = loss(model, windows, moved(estimate, model, -STEP / length));

      // THEN the loss changes by its length a unit
      assertThat((plus - minus) / (2 * STEP) / length).isCloseTo(1, within(SLOPE_TOLERANCE));
    }
  }

  private static WeightTransform moved(GradientEstimate estimate, CausalLm model, double factor) {
    Set<String> prunable = tensors(model);
    return (tensor, weight, owner) ->
        prunable.contains(tensor)
            ? weight.add(gradient(estimate, model, tensor, owner).mul(factor))
            : weight;
  }

  private static double loss(CausalLm model, List<int[]> windows, WeightTransform transform)
      throws IOException {
    try (ForwardPass pass = new ForwardPass(model)) {
      ResidualStream stream = pass.add(windows, transform, BlockTap.NONE);
      pass.run();
      double[] losses = pass.windowLosses(List.of(stream)).get(0);
      return Arrays.stream(losses).average().orElseThrow();
    }
  }

  @Test
  void weightsThatStayInMemoryNeverHaveAGradient() throws IOException {
    try (Goldens goldens = Goldens.of("llama-gqa-bias");
        CausalLm model = open("llama-gqa-bias");
        NDManager owner = Compute.cpu().newManager()) {
      // GIVEN a model that is resident
      assertThat(model.residentLayers()).isEqualTo(2);

      // WHEN it was differentiated
      estimate(model, set(goldens, "input_ids"), EVERYTHING).close();

      // THEN its weights are out of reach of the gradient graph
      for (PruningGroup group : groups(model)) {
        try (LayerWeights layer = model.layer(group.id().layer())) {
          for (TensorSlice slice : group.slices()) {
            assertThat(layer.read(slice.tensor(), owner).hasGradient()).isFalse();
          }
        }
      }
    }
  }

  @Test
  void layersThatAreReadAgainGiveTheSameBits() throws IOException {
    // GIVEN a model that is resident, and one of which no layer stays
    try (Goldens goldens = Goldens.of("llama-gqa-bias");
        NDManager owner = Compute.cpu().newManager();
        CausalLm resident = open("llama-gqa-bias");
        CausalLm streamed =
            CausalLm.open(TestModels.folder("llama-gqa-bias", temp), new MemoryBudget(1));
        GradientEstimate first = estimate(resident, set(goldens, "input_ids"), EVERYTHING);
        GradientEstimate second = estimate(streamed, set(goldens, "input_ids"), EVERYTHING)) {
      assertThat(streamed.residentLayers()).isZero();
      // THEN every gradient is the same
      for (String tensor : tensors(resident)) {
        assertThat(gradient(second, streamed, tensor, owner).toFloatArray())
            .as(tensor)
            .isEqualTo(gradient(first, resident, tensor, owner).toFloatArray());
      }
    }
  }
}
