package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.minillm.core.architecture.GroupKind.ATTENTION_HEADS;
import static org.minillm.core.architecture.GroupKind.MLP_CHANNELS;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.ValueProjection;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.cut.CheckpointCutter;
import org.minillm.core.cut.CutExport;
import org.minillm.core.cut.Export;
import org.minillm.core.cut.MaskedExport;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.restore.Restoration;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.MemoryBudget;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.runtime.ResidualStream;
import org.minillm.criteria.LeastSquares;
import org.minillm.criteria.Magnitude;
import org.minillm.models.testing.Passes;

class RestorationTest {

  /**
   * The fit is solved in double from float32 products and written as float32; what is compared are
   * sums over 1280 tokens that nearly cancel.
   */
  private static final double OPTIMALITY_TOLERANCE = 2e-3;

  private static final double LAMBDA = 0.1;

  private static final double VALUES_LAMBDA = 0.01;

  @TempDir Path temp;

  private static LeastSquares residual() {
    return new LeastSquares()
        .with(
            Map.of(
                "lambda",
                Double.toString(LAMBDA),
                "target",
                "residual",
                "tokens",
                "equal",
                "inputs",
                "pruned",
                "value-ridge",
                "0",
                "noise",
                "0"));
  }

  private static CalibrationSet data() throws IOException {
    try (Goldens goldens = Goldens.of("tiny-llama-importance")) {
      List<int[]> windows = goldens.ids("calibration_ids").subList(0, 4);
      return new CalibrationSet("goldens", 128, ImmutableList.copyOf(windows));
    }
  }

  private CausalLm open() throws IOException {
    return CausalLm.open(TestModels.folder("tiny-llama", temp));
  }

  private static PruningPlan plan(CausalLm model) throws IOException {
    return StructuredPruner.builder(
            new Magnitude(), PruningTarget.of(0.3, MLP_CHANNELS, ATTENTION_HEADS))
        .build()
        .plan(model, null);
  }

  private Path prune(CausalLm model, Restoration restoration, Export export, String name)
      throws IOException {
    return prune(model, restoration, data(), export, name);
  }

  private Path prune(
      CausalLm model, Restoration restoration, CalibrationSet data, Export export, String name)
      throws IOException {
    Path target = temp.resolve(name);
    cutter(model, plan(model)).restoring(restoration, data).export(export).write(target, false);
    return target;
  }

  /** What stays is as it was. */
  private Path plain(CausalLm model) throws IOException {
    Path target = temp.resolve("plain");
    cutter(model, plan(model)).write(target, false);
    return target;
  }

  private static CheckpointCutter cutter(CausalLm model, PruningPlan plan) throws IOException {
    return new CheckpointCutter(new PassRunner(model), plan);
  }

  /** Inputs of a consumer and the stream after it, token by token. */
  private static final class Recorded implements BlockTap {
    private final String point;
    private final List<float[]> inputs = new ArrayList<>();
    private final List<float[]> sums = new ArrayList<>();

    Recorded(CausalLm model, PruningGroup group, CalibrationSet data) throws IOException {
      this(model, group.consumer().input(), data);
    }

    Recorded(CausalLm model, String point, CalibrationSet data) throws IOException {
      this.point = point;
      try (ForwardPass pass = new ForwardPass(model)) {
        pass.add(data.windows(), WeightTransform.NONE, this);
        pass.run();
      }
    }

    @Override
    public void sublayer(Sublayer done) {
      NDArray input = done.inputs().get(point);
      if (input != null) {
        rows(input, inputs);
        rows(done.after(), sums);
      }
    }

    private static void rows(NDArray array, List<float[]> target) {
      int width = Math.toIntExact(array.getShape().getLastDimension());
      float[] all = array.toFloatArray();
      for (int from = 0; from < all.length; from += width) {
        target.add(Arrays.copyOfRange(all, from, from + width));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(GroupKind.class)
  void everyConsumerIsTheBestFitToTheDenseStreamGivenAllBeforeIt(GroupKind kind)
      throws IOException {
    // a model that is stored as float32, so that what is written is what was solved
    try (CausalLm dense = CausalLm.open(TestModels.folder("llama-gqa-bias", temp))) {
      CalibrationSet data = Passes.windows(dense);
      Path cut = prune(dense, residual(), data, new CutExport(), "restored");
      requireBestFit(dense, cut, plain(dense), kind, data);
    }
  }

  private static void requireBestFit(
      CausalLm dense, Path cut, Path uncorrected, GroupKind kind, CalibrationSet data)
      throws IOException {
    try (CausalLm restored = CausalLm.open(cut);
        CausalLm plain = CausalLm.open(uncorrected)) {
      for (int layer = 0; layer < dense.config().layers().size(); layer++) {
        // GIVEN what the reloaded model feeds a consumer, and what it is short of the dense stream
        PruningGroup group = group(restored, layer, kind);
        Recorded wanted = new Recorded(dense, group(dense, layer, kind), data);
        Recorded found = new Recorded(restored, group, data);
        double[][] change = difference(plain, restored, group.consumer().tensor());

        // WHEN the gradient of the squared error in each weight is computed
        // THEN it is what the ridge pulls: R^T X = lambda m (W' - W), m of the deviations from the
        // means, which are the business of the bias that this model has
        double pull = LAMBDA * meanSquareDeviation(found.inputs);
        for (int out = 0; out < change.length; out += 7) {
          for (int in = 0; in < change[out].length; in += 5) {
            double missing = 0;
            double size = 0;
            for (int t = 0; t < found.inputs.size(); t++) {
              double product =
                  ((double) wanted.sums.get(t)[out] - found.sums.get(t)[out])
                      * found.inputs.get(t)[in];
              missing += product;
              size += Math.abs(product);
            }
            assertThat(missing)
                .as("layer %d, output %d, input %d", layer, out, in)
                .isCloseTo(pull * change[out][in], within(OPTIMALITY_TOLERANCE * (1 + size)));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(GroupKind.class)
  void onDenseInputsEveryConsumerIsTheBestFitToItself(GroupKind kind) throws IOException {
    try (CausalLm dense = CausalLm.open(TestModels.folder("llama-gqa-bias", temp))) {
      // GIVEN a model that was restored on the dense model's inputs
      CalibrationSet data = Passes.windows(dense);
      Restoration onDenseInputs =
          new LeastSquares()
              .with(
                  Map.of(
                      "lambda",
                      Double.toString(LAMBDA),
                      "target",
                      "own",
                      "tokens",
                      "equal",
                      "inputs",
                      "dense",
                      "value-ridge",
                      "0",
                      "noise",
                      "0"));
      Path cut = prune(dense, onDenseInputs, data, new CutExport(), "restored");
      Path plain = plain(dense);
      for (int layer = 0; layer < dense.config().layers().size(); layer++) {
        requireBestFitToItself(dense, cut, plain, group(dense, layer, kind), data);
      }
    }
  }

  /** The gradient of the squared error is what the ridge pulls, as above, on dense inputs. */
  private static void requireBestFitToItself(
      CausalLm dense, Path cut, Path uncorrected, PruningGroup group, CalibrationSet data)
      throws IOException {
    String consumer = group.consumer().tensor();
    int[] kept =
        plan(dense).kept(group.id(), group.units()).stream()
            .flatMap(
                unit ->
                    IntStream.range(0, group.consumer().width())
                        .map(i -> unit * group.consumer().width() + i))
            .toArray();
    List<float[]> inputs = new Recorded(dense, group, data).inputs;
    List<float[]> left = inputs.stream().map(row -> columns(row, kept)).toList();
    try (CausalLm restored = CausalLm.open(cut);
        CausalLm plain = CausalLm.open(uncorrected)) {
      double[][] change = difference(plain, restored, consumer);
      double[][] before = rows(dense, consumer);
      double[][] after = rows(restored, consumer);
      double pull = LAMBDA * meanSquareDeviation(left);
      for (int out = 0; out < change.length; out += 7) {
        double[] missing = new double[inputs.size()];
        for (int t = 0; t < missing.length; t++) {
          missing[t] = product(before[out], inputs.get(t)) - product(after[out], left.get(t));
        }
        // the bias takes the mean away
        double mean = Arrays.stream(missing).average().orElseThrow();
        for (int in = 0; in < kept.length; in += 5) {
          double gradient = 0;
          double size = 0;
          for (int t = 0; t < missing.length; t++) {
            double product = (missing[t] - mean) * left.get(t)[in];
            gradient += product;
            size += Math.abs(product);
          }
          assertThat(gradient)
              .as("%s, output %d, input %d", group.id(), out, in)
              .isCloseTo(pull * change[out][in], within(OPTIMALITY_TOLERANCE * (1 + size)));
        }
      }
    }
  }

  private static float[] columns(float[] row, int[] chosen) {
    float[] result = new float[chosen.length];
    for (int i = 0; i < chosen.length; i++) {
      result[i] = row[chosen[i]];
    }
    return result;
  }

  private static double product(double[] weights, float[] inputs) {
    return IntStream.range(0, weights.length).mapToDouble(i -> weights[i] * inputs[i]).sum();
  }

  private static double[][] rows(CausalLm model, String tensor) throws IOException {
    try (NDManager owner = NDManager.newBaseManager()) {
      return rows(model.checkpoint().read(tensor, owner));
    }
  }

  private static PruningGroup group(CausalLm model, int layer, GroupKind kind) {
    return model.decoder().groups(layer).stream()
        .filter(group -> group.id().kind() == kind)
        .findFirst()
        .orElseThrow();
  }

  /** The mean over the channels of the sums of squares of their deviations from their means. */
  private static double meanSquareDeviation(List<float[]> rows) {
    int channels = rows.get(0).length;
    double sum = 0;
    for (int channel = 0; channel < channels; channel++) {
      int c = channel;
      double mean = rows.stream().mapToDouble(row -> row[c]).average().orElseThrow();
      sum += rows.stream().mapToDouble(row -> (row[c] - mean) * (row[c] - mean)).sum();
    }
    return sum / channels;
  }

  private static double[][] difference(CausalLm before, CausalLm after, String tensor)
      throws IOException {
    try (NDManager owner = NDManager.newBaseManager()) {
      return rows(
          after.checkpoint().read(tensor, owner).sub(before.checkpoint().read(tensor, owner)));
    }
  }

  private static double[][] rows(NDArray matrix) {
    int columns = Math.toIntExact(matrix.getShape().get(1));
    float[] all = matrix.toFloatArray();
    double[][] rows = new double[all.length / columns][columns];
    for (int i = 0; i < all.length; i++) {
      rows[i / columns][i % columns] = all[i];
    }
    return rows;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ' ',
      textBlock =
          """
          tiny-llama least-squares:target=own,value-ridge=0,noise=0
          tiny-llama least-squares:target=own,tokens=stream,value-ridge=0,noise=0
          tiny-llama least-squares:target=own,inputs=dense
          tiny-llama least-squares:value-ridge=0,noise=0
          tiny-llama least-squares:tokens=stream,value-ridge=0,noise=0
          tiny-llama least-squares:noise=0
          tiny-llama least-squares:value-ridge=0
          tiny-opt least-squares:value-ridge=0,noise=0
          tiny-opt least-squares
          tiny-opt bias
          tiny-bloom least-squares:value-ridge=0,noise=0
          tiny-bloom least-squares
          """)
  void restorationBringsTheLossDown(String name, String settings) throws IOException {
    try (CausalLm dense = CausalLm.open(TestModels.folder(name, temp))) {
      // GIVEN a pruned model and the same, restored
      Restoration restoration = Plugins.configured(Restoration.class, settings, Map.of());
      Path plain = plain(dense);
      Path restored = prune(dense, restoration, new CutExport(), "restored");

      // WHEN both read the calibration text
      // THEN the restored one is less surprised
      assertThat(loss(restored)).isLessThan(loss(plain));
    }
  }

  private static double loss(Path folder) throws IOException {
    try (CausalLm model = CausalLm.open(folder);
        ForwardPass pass = new ForwardPass(model)) {
      ResidualStream stream = pass.add(data().windows(), WeightTransform.NONE, BlockTap.NONE);
      pass.run();
      return Arrays.stream(pass.windowLosses(List.of(stream)).get(0)).average().orElseThrow();
    }
  }

  @Test
  void onlyTheConsumersChange() throws IOException {
    try (CausalLm dense = open();
        CausalLm restored = CausalLm.open(prune(dense, residual(), new CutExport(), "restored"));
        CausalLm plain = CausalLm.open(plain(dense));
        NDManager owner = NDManager.newBaseManager()) {
      // GIVEN the consumers
      List<String> consumers =
          dense.groups(Arrays.asList(GroupKind.values())).stream()
              .map(group -> group.consumer().tensor())
              .toList();

      // WHEN the restored checkpoint is compared with the plain one
      // THEN it has the same tensors, and all others are the same to the bit
      assertThat(restored.checkpoint().tensors()).isEqualTo(plain.checkpoint().tensors());
      for (String tensor : plain.checkpoint().tensors().keySet()) {
        boolean same =
            Arrays.equals(
                plain.checkpoint().read(tensor, owner).toFloatArray(),
                restored.checkpoint().read(tensor, owner).toFloatArray());
        assertThat(same).as(tensor).isEqualTo(!consumers.contains(tensor));
      }
    }
  }

  @Test
  void noiseIsForTheLayersBehindTheFirstCutOne() throws IOException {
    // GIVEN a model that lost units in all layers, restored with noise and without
    Restoration noisy =
        Plugins.configured(Restoration.class, "least-squares:value-ridge=0,noise=12", Map.of());
    Restoration calm =
        Plugins.configured(Restoration.class, "least-squares:value-ridge=0,noise=0", Map.of());
    try (CausalLm dense = open();
        CausalLm with = CausalLm.open(prune(dense, noisy, new CutExport(), "noisy"));
        CausalLm without = CausalLm.open(prune(dense, calm, new CutExport(), "calm"));
        NDManager owner = NDManager.newBaseManager()) {
      for (PruningGroup group : dense.groups(Arrays.asList(GroupKind.values()))) {
        String consumer = group.consumer().tensor();

        // WHEN their consumers are compared
        boolean same =
            Arrays.equals(
                with.checkpoint().read(consumer, owner).toFloatArray(),
                without.checkpoint().read(consumer, owner).toFloatArray());

        // THEN the first layer knows nothing of it, and the others do
        assertThat(same).as(consumer).isEqualTo(group.id().layer() == 0);
      }
    }
  }

  @Test
  void theMaskedFormComputesWhatTheCutOneDoes() throws IOException {
    requireMaskedIsCut(residual());
  }

  @Test
  void theMaskedFormOfFittedValuesComputesWhatTheCutOneDoes() throws IOException {
    requireMaskedIsCut(withValues());
  }

  private void requireMaskedIsCut(Restoration restoration) throws IOException {
    try (CausalLm dense = open()) {
      // GIVEN both forms of one restored model, which lost channels and heads
      Path cut = prune(dense, restoration, new CutExport(), "cut");
      Path masked = prune(dense, restoration, new MaskedExport(), "masked");

      // WHEN they read, THEN they are as surprised: float32 sums in another order
      assertThat(loss(masked)).isCloseTo(loss(cut), within(1e-5));
    }
  }

  private static LeastSquares withValues() {
    return new LeastSquares()
        .with(
            Map.of(
                "lambda",
                Double.toString(LAMBDA),
                "value-ridge",
                Double.toString(VALUES_LAMBDA),
                "noise",
                "0"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa-bias", "bloom-pow2", "opt-gelu"})
  void valuesAreTheBestFitToWhatTheDenseModelReads(String name) throws IOException {
    // models that are stored as float32, so that what is written is what was solved
    try (CausalLm dense = CausalLm.open(TestModels.folder(name, temp))) {
      CalibrationSet data = Passes.windows(dense);
      PruningPlan channels =
          StructuredPruner.builder(new Magnitude(), PruningTarget.of(0.3, MLP_CHANNELS))
              .build()
              .plan(dense, null);
      Path target = temp.resolve("restored");
      cutter(dense, channels).restoring(withValues(), data).write(target, false);
      try (CausalLm restored = CausalLm.open(target)) {
        // GIVEN the layers behind the first, which reads what the dense model's does
        for (int layer = 1; layer < dense.config().layers().size(); layer++) {
          requireBestValues(dense, restored, dense.decoder().values(layer), data);
        }
      }
    }
  }

  /** The gradient of the squared error is what the ridge pulls, W (R^T X) = lambda m W C. */
  private static void requireBestValues(
      CausalLm dense, CausalLm restored, ValueProjection values, CalibrationSet data)
      throws IOException {
    List<float[]> wanted = new Recorded(dense, values.input(), data).inputs;
    List<float[]> found = new Recorded(restored, values.input(), data).inputs;
    double[][] before = rows(dense, values.weight());
    double[][] after = rows(restored, values.weight());
    double pull = VALUES_LAMBDA * meanSquareDeviation(found);
    for (int i = 0; i < values.rows().length(); i += 5) {
      int out = values.rows().get(i);
      double[] missing = new double[found.size()];
      for (int t = 0; t < missing.length; t++) {
        missing[t] = product(before[out], wanted.get(t)) - product(after[out], found.get(t));
      }
      // the bias takes the mean away
      double mean = Arrays.stream(missing).average().orElseThrow();
      for (int in = 0; in < before[out].length; in += 5) {
        double gradient = 0;
        double size = 0;
        for (int t = 0; t < missing.length; t++) {
          double product = (missing[t] - mean) * found.get(t)[in];
          gradient += product;
          size += Math.abs(product);
        }
        assertThat(gradient)
            .as("%s, row %d, input %d", values.weight(), out, in)
            .isCloseTo(
                pull * (after[out][in] - before[out][in]),
                within(OPTIMALITY_TOLERANCE * (1 + size)));
      }
    }
    // and it is not the dense model's
    assertThat(after[values.rows().get(0)]).isNotEqualTo(before[values.rows().get(0)]);
  }

  @Test
  void memoryForOneBlockGivesTheSameBytes() throws IOException {
    try (CausalLm all = open();
        CausalLm one = CausalLm.open(TestModels.folder("tiny-llama", temp), smallestBudget(all))) {
      // WHEN the same model is restored with memory for all blocks, and for one
      Path fromMemory = prune(all, residual(), new CutExport(), "all");
      Path fromFile = prune(one, residual(), new CutExport(), "one");
      assertThat(one.residentLayers()).isZero();

      // THEN the weights are the same to the byte
      assertThat(
              Files.mismatch(
                  fromMemory.resolve("model.safetensors"), fromFile.resolve("model.safetensors")))
          .isEqualTo(-1);
    }
  }

  /** Of a restoration. */
  private MemoryBudget smallestBudget(CausalLm model) throws IOException {
    CheckpointCutter cutter = cutter(model, plan(model)).restoring(residual(), data());
    return new MemoryBudget(cutter.memoryForecast().smallestBudget());
  }

  @Test
  void layersThatKeepAllUnitsAreLeftAlone() throws IOException {
    try (CausalLm dense = open()) {
      // GIVEN a plan that cuts the MLP of layer 1 only
      PruningGroup group = group(dense, 1, MLP_CHANNELS);
      PruningPlan plan =
          new PruningPlan(plan(dense).model(), Map.of(), Map.of())
              .withKept(group.id(), ImmutableIntArray.of(0, 1, 2, 3, 5, 8));

      // WHEN it is carried out with restoration
      Path target = temp.resolve("layer1");
      cutter(dense, plan).restoring(residual(), data()).write(target, false);

      // THEN that consumer alone differs from the dense model's
      try (CausalLm restored = CausalLm.open(target);
          NDManager owner = NDManager.newBaseManager()) {
        for (String tensor : dense.checkpoint().tensors().keySet()) {
          if (group.slices().stream().noneMatch(slice -> slice.tensor().equals(tensor))) {
            assertThat(restored.checkpoint().read(tensor, owner).toFloatArray())
                .as(tensor)
                .isEqualTo(dense.checkpoint().read(tensor, owner).toFloatArray());
          }
        }
      }
    }
  }
}
