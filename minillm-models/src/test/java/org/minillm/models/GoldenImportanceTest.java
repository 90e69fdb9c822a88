package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.Iterables;
import com.google.common.primitives.Doubles;
import com.google.common.primitives.Floats;
import com.google.common.primitives.ImmutableIntArray;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.plan.CutTable;
import org.minillm.core.plan.MaskedWeights;
import org.minillm.core.plan.ModelFingerprint;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.ResidualStream;
import org.minillm.core.tensor.ChannelStatistics;
import org.minillm.core.tensor.HostMemory;
import org.minillm.models.testing.Passes;

/** What importance scores are made of, against transformers in float64 on tiny-llama. */
class GoldenImportanceTest {

  /** Of the largest value of a tensor: what a float32 run of transformers itself reaches. */
  private static final double NORM_TOLERANCE = 3e-6;

  /** Nats; the stored loss is a float32 near 4.7, rounded by up to 2.4e-7. */
  private static final double LOSS_TOLERANCE = 1e-6;

  /** A step along W: large against the rounding of the loss, small against its curvature. */
  private static final double STEP = 0.004;

  /** Nats a unit of scale; the sums that are checked are 0.02 to 0.08. */
  private static final double SLOPE_TOLERANCE = 1e-4;

  @TempDir static Path temp;

  private static CausalLm open() throws IOException {
    return CausalLm.open(TestModels.folder("tiny-llama", temp));
  }

  private static CalibrationSet calibration(Goldens goldens) {
    return new CalibrationSet("goldens", 128, ImmutableList.copyOf(goldens.ids("calibration_ids")));
  }

  @Test
  void inputNormsAreThoseOfEveryLinear() throws IOException {
    // GIVEN the norm of every input of every linear layer of transformers
    try (Goldens goldens = Goldens.of("tiny-llama-importance");
        CausalLm model = open()) {
      // WHEN the statistics of the same tokens are gathered
      Map<String, ChannelStatistics> statistics = Passes.statistics(model, calibration(goldens));

      // THEN the tap point of each weight has the norms of its linear layer
      for (PruningGroup group : model.groups(Arrays.asList(GroupKind.values()))) {
        for (TensorSlice slice : group.slices()) {
          double[] norms = statistics.get(slice.input()).norms();
          String module = slice.tensor().replace(".weight", "");
          float[] expected = goldens.floats(module + ".input_norm");
          double largest =
              IntStream.range(0, expected.length).mapToDouble(i -> expected[i]).max().orElseThrow();
          assertThat(norms).as(module).hasSameSizeAs(expected);
          for (int i = 0; i < norms.length; i++) {
            assertThat(norms[i])
                .as("%s, channel %d", module, i)
                .isCloseTo(expected[i], within(NORM_TOLERANCE * largest));
          }
        }
      }
    }
  }

  @Test
  void theLossOfTheCalibrationSetIsThatOfTransformers() throws IOException {
    try (Goldens goldens = Goldens.of("tiny-llama-importance");
        CausalLm model = open()) {
      // WHEN the dense model runs
      double loss = losses(model, goldens, Map.of("dense", WeightTransform.NONE)).get("dense");

      // THEN the mean of the windows is the stored loss
      assertThat(loss).isCloseTo(goldens.floats("loss")[0], within(LOSS_TOLERANCE));
    }
  }

  @Test
  void maskingAUnitCostsTheLossThatItsAblationCosts() throws IOException {
    try (Goldens goldens = Goldens.of("tiny-llama-importance");
        CausalLm model = open()) {
      // GIVEN what transformers loses without a head group or a channel of every layer
      Map<String, WeightTransform> masks = new LinkedHashMap<>();
      Map<String, Double> expected = new LinkedHashMap<>();
      for (int layer = 0; layer < model.config().layers().size(); layer++) {
        GroupId heads = new GroupId(layer, GroupKind.ATTENTION_HEADS);
        double[] losses = doubles(goldens, "layers." + layer + ".heads.ablation");
        int head = strongest(losses);
        masks.put(heads + " " + head, without(model, heads, head));
        expected.put(heads + " " + head, losses[head]);
        GroupId channels = new GroupId(layer, GroupKind.MLP_CHANNELS);
        String name = "layers." + layer + ".channels.ablation";
        double[] ablations = doubles(goldens, name);
        int strongest = strongest(ablations);
        int unit = (int) goldens.array(name + "_index").toLongArray()[strongest];
        masks.put(channels + " " + unit, without(model, channels, unit));
        expected.put(channels + " " + unit, ablations[strongest]);
      }

      // WHEN they are masked
      Map<String, Double> losses = losses(model, goldens, masks);

      // THEN the loss rises by as much
      double dense = goldens.floats("loss")[0];
      losses.forEach(
          (unit, loss) ->
              assertThat(loss - dense)
                  .as(unit)
                  .isCloseTo(expected.get(unit), within(LOSS_TOLERANCE)));
    }
  }

  private static double[] doubles(Goldens goldens, String name) {
    return Doubles.toArray(Floats.asList(goldens.floats(name)));
  }

  private static int strongest(double[] values) {
    return IntStream.range(0, values.length)
        .reduce((a, b) -> Math.abs(values[a]) >= Math.abs(values[b]) ? a : b)
        .orElseThrow();
  }

  private static WeightTransform without(CausalLm model, GroupId id, int unit) throws IOException {
    List<PruningGroup> groups = model.groups(List.of(id.kind()));
    int units = model.config().layers().get(id.layer()).units(id.kind());
    PruningPlan plan =
        new PruningPlan(
                ModelFingerprint.of(model.config(), model.checkpoint().sha256OfSamples()),
                Map.of(),
                Map.of())
            .withKept(
                id,
                ImmutableIntArray.copyOf(IntStream.range(0, units).filter(other -> other != unit)));
    return new MaskedWeights(CutTable.of(plan, groups));
  }

  @Test
  void theSlopeOfTheLossAlongAGroupsWeightsIsItsSumOfWeightTimesGradient() throws IOException {
    try (Goldens goldens = Goldens.of("tiny-llama-importance");
        CausalLm model = open()) {
      // GIVEN the sum of W * dL/dW over a head group of the first and the last layer, and over all
      // their channels
      Map<String, WeightTransform> moved = new LinkedHashMap<>();
      Map<GroupId, Double> expected = new LinkedHashMap<>();
      int last = model.config().layers().size() - 1;
      for (PruningGroup group :
          Iterables.concat(model.decoder().groups(0), model.decoder().groups(last))) {
        boolean heads = group.id().kind() == GroupKind.ATTENTION_HEADS;
        double[] sums = weightTimesGradient(goldens, group, heads ? "heads" : "channels");
        int from = heads ? strongest(sums) : 0;
        int to = heads ? from + 1 : group.units();
        moved.put(group.id() + "+", scaled(group, from, to, 1 + STEP));
        moved.put(group.id() + "-", scaled(group, from, to, 1 - STEP));
        expected.put(group.id(), IntStream.range(from, to).mapToDouble(u -> sums[u]).sum());
      }

      // WHEN the weights of the units are scaled up and down
      Map<String, Double> losses = losses(model, goldens, moved);

      // THEN the central difference is that sum
      expected.forEach(
          (name, sum) ->
              assertThat((losses.get(name + "+") - losses.get(name + "-")) / (2 * STEP))
                  .as(name.toString())
                  .isCloseTo(sum, within(SLOPE_TOLERANCE)));
    }
  }

  private static double[] weightTimesGradient(Goldens goldens, PruningGroup group, String kind) {
    double[] sums = new double[group.units()];
    for (TensorSlice slice : group.slices()) {
      String[] path = slice.tensor().split("\\.");
      String parameter = path[path.length - 2] + "." + path[path.length - 1];
      float[] part =
          goldens.floats("layers." + group.id().layer() + "." + kind + ".wg." + parameter);
      for (int unit = 0; unit < sums.length; unit++) {
        sums[unit] += part[unit];
      }
    }
    return sums;
  }

  private static WeightTransform scaled(PruningGroup group, int from, int to, double factor) {
    return (tensor, weight, owner) ->
        group.slices().stream()
            .filter(slice -> slice.tensor().equals(tensor))
            .findFirst()
            .map(
                slice ->
                    scaled(
                        weight,
                        slice.axis(),
                        from * slice.width(),
                        to * slice.width(),
                        factor,
                        owner))
            .orElse(weight);
  }

  private static NDArray scaled(
      NDArray weight, int axis, int from, int to, double factor, NDManager owner) {
    NDArray result = owner.create(weight.getShape(), weight.getDataType());
    FloatBuffer source = HostMemory.floats(weight);
    int columns = (int) weight.getShape().get(1);
    HostMemory.fill(
        result,
        target -> {
          for (int i = 0; i < source.remaining(); i++) {
            int index = axis == 0 ? i / columns : i % columns;
            boolean moves = from <= index && index < to;
            target.put(i, moves ? (float) (source.get(i) * factor) : source.get(i));
          }
        });
    return result;
  }

  /** Mean loss of the calibration windows under each transform, in one pass. */
  private static Map<String, Double> losses(
      CausalLm model, Goldens goldens, Map<String, WeightTransform> transforms) throws IOException {
    try (ForwardPass pass = new ForwardPass(model)) {
      List<ResidualStream> streams = new ArrayList<>();
      for (WeightTransform transform : transforms.values()) {
        streams.add(pass.add(calibration(goldens).windows(), transform, BlockTap.NONE));
      }
      pass.run();
      List<double[]> windows = pass.windowLosses(streams);
      Map<String, Double> losses = new LinkedHashMap<>();
      int stream = 0;
      for (String name : transforms.keySet()) {
        losses.put(name, Arrays.stream(windows.get(stream++)).average().orElseThrow());
      }
      return losses;
    }
  }
}
