package org.minillm.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.evidence.BlockEvidence;
import org.minillm.core.evidence.GateGradient;
import org.minillm.core.evidence.TokenWeights;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.tensor.ChannelStatistics;
import org.minillm.core.tensor.Compute;
import org.minillm.core.tensor.Kernels;

class OwnCriterionTest {

  @TempDir Path temporary;

  @Test
  void criterionIsFoundByNameAndWrittenIntoThePlan() throws IOException {
    // GIVEN
    Path file = temporary.resolve("plan.json");

    // WHEN
    Printed printed = Printed.by(OwnCriterion::main, file.toString());

    // THEN
    assertThat(printed.text()).contains("found ActivationVariance[] by its name: true");
    PruningPlan plan = PruningPlan.read(file);
    assertThat(plan.provenance()).containsEntry("criterion", "activation_variance");
    assertThat(plan.groups().values())
        .extracting(group -> group.kept().length())
        .containsExactly(410, 410, 410, 410);
  }

  @Test
  void scoreOfAUnitIsTheSumOfItsChannelsVariances() {
    try (NDManager manager = Compute.cpu().newManager()) {
      // GIVEN two units of two channels, seen twice: variances 2, 8, 0 and 0.5
      ChannelStatistics inputs = new ChannelStatistics(4);
      inputs.accumulate(
          manager.create(new float[] {1, 5, 3, 0.5f, 3, 1, 3, 1.5f}, new Shape(1, 2, 4)));
      PruningGroup group =
          new PruningGroup(
              new GroupId(0, GroupKind.ATTENTION_HEADS),
              2,
              List.of(new TensorSlice("v", 0, 2, "x"), new TensorSlice("o", 1, 2, "heads")));

      // WHEN
      double[] scores = new ActivationVariance().score(group, evidence("heads", inputs));

      // THEN
      assertThat(scores).containsExactly(new double[] {10, 0.5}, within(1e-12));
    }
  }

  private static BlockEvidence evidence(String point, ChannelStatistics statistics) {
    return new BlockEvidence() {
      @Override
      public NDArray weight(TensorSlice slice) {
        throw new AssertionError("no weight is needed");
      }

      @Override
      public Optional<NDArray> gradient(TensorSlice slice) {
        throw new AssertionError("no gradient is needed");
      }

      @Override
      public GateGradient gateGradient(PruningGroup group) {
        throw new AssertionError("no gradient is needed");
      }

      @Override
      public ChannelStatistics inputs(TensorSlice slice, TokenWeights weights) {
        assertThat(slice.input()).isEqualTo(point);
        assertThat(weights).isEqualTo(TokenWeights.EQUAL);
        return statistics;
      }

      @Override
      public NDArray secondMoments(TensorSlice consumer, TokenWeights weights) {
        throw new AssertionError("no second moments are needed");
      }

      @Override
      public Kernels kernels() {
        throw new AssertionError("no kernels are needed");
      }
    };
  }
}
