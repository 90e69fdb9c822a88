package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.evidence.BlockEvidence;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.evidence.GradientEstimate;
import org.minillm.core.evidence.GradientEstimator;
import org.minillm.core.evidence.GradientRequest;
import org.minillm.core.evidence.TokenWeights;
import org.minillm.core.plan.Allocated;
import org.minillm.core.plan.Allocation;
import org.minillm.core.plan.CandidateLosses;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plan.ScoredGroup;
import org.minillm.core.plan.UniformAllocation;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.restore.Restoration;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.PassRunner;
import org.minillm.criteria.Magnitude;
import org.minillm.criteria.Taylor;

/** What plug-ins of others return is checked where it is taken: the message names them. */
class StrangePluginsTest {

  private static final PruningTarget TARGET = PruningTarget.of(0.5, GroupKind.MLP_CHANNELS);
  private static final int CHANNELS = 88;
  private static final int HIDDEN = 64;

  private static CausalLm model;
  private static CalibrationSet data;

  @TempDir Path temp;

  @BeforeAll
  static void open() throws IOException {
    model = CausalLm.open(TestModels.folder("llama-gqa-bias", Path.of("unused")));
    data = new CalibrationSet("zeros", 8, ImmutableList.of(new int[8]));
  }

  @AfterAll
  static void close() throws IOException {
    model.close();
  }

  /** Gives the same scores to every group. */
  private record Scores(double[] scores) implements ImportanceCriterion {
    @Override
    public String name() {
      return "strange";
    }

    @Override
    public Set<Evidence> requires() {
      return Set.of();
    }

    @Override
    public double[] score(PruningGroup group, BlockEvidence evidence) {
      return scores;
    }
  }

  private static Stream<Arguments> scores() {
    double[] nan = new double[CHANNELS];
    nan[3] = Double.NaN;
    return Stream.of(
        Arguments.of(null, "no scores of layer 0 mlp_channels, expected 88, one a unit"),
        Arguments.of(new double[5], "5 scores of layer 0 mlp_channels, expected 88, one a unit"),
        Arguments.of(nan, "layer 0 mlp_channels: the score of unit 3 is NaN"));
  }

  @ParameterizedTest
  @MethodSource("scores")
  void criterionGivesAFiniteScoreAUnit(double[] scores, String message) {
    assertThatThrownBy(
            () -> StructuredPruner.builder(new Scores(scores), TARGET).build().plan(model, null))
        .hasMessageStartingWith("criterion strange: " + message);
  }

  /** Changes what the uniform allocation decides. */
  private record Counts(UnaryOperator<TreeMap<GroupId, Integer>> change) implements Allocation {
    @Override
    public String name() {
      return "strange";
    }

    @Override
    public Allocated allocate(
        List<ScoredGroup> groups, PruningTarget target, CandidateLosses losses) {
      return Allocated.of(
          change.apply(Maps.newTreeMap(new UniformAllocation().unitsToKeep(groups, target))));
    }
  }

  private static Arguments counts(int layer, Integer count, String message) {
    GroupId group = new GroupId(layer, GroupKind.MLP_CHANNELS);
    UnaryOperator<TreeMap<GroupId, Integer>> change =
        counts -> {
          counts.remove(group);
          if (count != null) {
            counts.put(group, count);
          }
          return counts;
        };
    return Arguments.of(change, message);
  }

  private static Stream<Arguments> counts() {
    String layer = " of the 88 units of layer 1 mlp_channels to keep, expected 1 to 88";
    return Stream.of(
        counts(1, null, "no number" + layer),
        counts(1, 0, "0" + layer),
        counts(1, -1, "-1" + layer),
        counts(1, 89, "89" + layer),
        counts(
            2,
            4,
            "units of [layer 2 mlp_channels] to keep, which is none of the groups that it was"
                + " given"));
  }

  @ParameterizedTest
  @MethodSource("counts")
  void allocationGivesEveryGroupAPossibleNumber(
      UnaryOperator<TreeMap<GroupId, Integer>> change, String message) {
    assertThatThrownBy(
            () ->
                StructuredPruner.builder(new Magnitude(), TARGET)
                    .allocation(new Counts(change))
                    .build()
                    .plan(model, null))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("allocation strange: " + message);
  }

  /** How to correct a consumer. */
  private interface Correcting {
    Restoration.Delta of(NDManager manager, Shape expected);
  }

  /** Corrects in its own way. */
  private record Corrects(Correcting how) implements Restoration {
    @Override
    public String name() {
      return "strange";
    }

    @Override
    public Target target() {
      return Target.RESIDUAL;
    }

    @Override
    public TokenWeights tokens() {
      return TokenWeights.EQUAL;
    }

    @Override
    public Delta delta(Moments moments) {
      NDArray residuals = moments.residuals();
      return how.of(residuals.getManager(), residuals.getShape());
    }
  }

  private static Arguments corrects(String message, Correcting how) {
    return Arguments.of(how, message);
  }

  private static Stream<Arguments> corrections() {
    return Stream.of(
        corrects(" is null", (manager, shape) -> null),
        corrects(
            " is float64 (64, 3), expected FLOAT64 (64, 44)",
            (manager, shape) -> delta(manager.zeros(new Shape(HIDDEN, 3), DataType.FLOAT64))),
        corrects(
            " is float32 (64, 44), expected FLOAT64 (64, 44)",
            (manager, shape) -> delta(manager.zeros(shape))),
        corrects(
            " is not finite;",
            (manager, shape) -> delta(manager.full(shape, Float.NaN, DataType.FLOAT64))),
        corrects(
            " (its bias) is float64 (2), expected FLOAT64 (1, 64)",
            (manager, shape) ->
                new Restoration.Delta(
                    manager.zeros(shape, DataType.FLOAT64),
                    manager.zeros(new Shape(2), DataType.FLOAT64),
                    0)),
        corrects(
            " has NaN degrees of freedom,",
            (manager, shape) ->
                new Restoration.Delta(manager.zeros(shape, DataType.FLOAT64), null, Double.NaN)));
  }

  private static Restoration.Delta delta(NDArray weight) {
    return new Restoration.Delta(weight, null, 0);
  }

  @ParameterizedTest
  @MethodSource("corrections")
  void restorationGivesWhatCanBeAdded(Correcting how, String message) throws IOException {
    // GIVEN
    StructuredPruner pruner =
        StructuredPruner.builder(new Magnitude(), TARGET).restoration(new Corrects(how)).build();
    var plan = pruner.plan(model, data);
    Path out = temp.resolve("out");
    // THEN
    assertThatThrownBy(() -> pruner.apply(model, plan, data, out))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageStartingWith(
            "restoration strange: the correction of model.layers.0.mlp.down_proj.weight" + message);
    assertThat(temp).isEmptyDirectory();
  }

  /** Estimates in its own way. */
  private record Estimates(GradientEstimate estimate) implements GradientEstimator {
    @Override
    public String name() {
      return "strange";
    }

    @Override
    public GradientEstimate estimate(PassRunner any, CalibrationSet set, GradientRequest request) {
      return estimate;
    }
  }

  /** A gradient of one shape for all tensors. */
  private record OfShape(Shape shape) implements GradientEstimate {
    @Override
    public Optional<NDArray> gradient(String tensor, Shape expected, NDManager owner) {
      return Optional.of(owner.zeros(shape));
    }

    @Override
    public ImmutableMap<String, String> provenance() {
      return ImmutableMap.of("gradient", "strange");
    }

    @Override
    public long forwardPasses() {
      return 0;
    }
  }

  private static StructuredPruner pruner(GradientEstimate estimate) {
    return StructuredPruner.builder(new Taylor(), TARGET)
        .gradientEstimator(new Estimates(estimate))
        .build();
  }

  @Test
  void estimatorGivesAnEstimate() {
    assertThatThrownBy(() -> pruner(null).plan(model, data))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("gradient estimator strange: its estimate is null");
  }

  @Test
  void gradientHasTheShapeOfTheWeight() {
    assertThatThrownBy(() -> pruner(new OfShape(new Shape(2))).plan(model, data))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "gradient estimator strange: the gradient of model.layers.0.mlp.gate_proj.weight is"
                + " float32 (2), expected FLOAT32 (88, 64)");
  }
}
