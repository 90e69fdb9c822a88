package org.minillm.core.fake;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDManager;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.evidence.BlockEvidence;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.Pruner;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.tensor.Compute;

/** The line from scores to a smaller checkpoint, of a model that a person can cut. */
class CutFakeModelTest {

  @TempDir private Path temp;

  /** Likes the first channel least in the first layer, and the second one in the second. */
  private static final class Given implements ImportanceCriterion {

    @Override
    public String name() {
      return "given";
    }

    @Override
    public Set<Evidence> requires() {
      return Set.of();
    }

    @Override
    public double[] score(PruningGroup group, BlockEvidence evidence) {
      return group.id().layer() == 0 ? new double[] {1, 2, 3} : new double[] {3, 1, 2};
    }
  }

  @Test
  void whatTheScoresLeaveIsWritten() throws IOException {
    // GIVEN a third is to go
    Path target = temp.resolve("cut");
    try (CausalLm model = CausalLm.open(FakeModel.in(temp))) {
      Pruner pruner =
          StructuredPruner.builder(new Given(), PruningTarget.of(1.0 / 3, GroupKind.MLP_CHANNELS))
              .build();
      // WHEN
      pruner.apply(model, pruner.plan(model, null), null, target);
    }
    // THEN a row of each up and a column of each down are gone
    try (CausalLm cut = CausalLm.open(target)) {
      assertThat(cut.config().layers()).containsExactly(new LayerShape(1, 2), new LayerShape(1, 2));
      assertThat(tensor(cut, "layers.0.up")).containsExactly(0, 1, 1, 1);
      assertThat(tensor(cut, "layers.0.down")).containsExactly(0, 1, 1, -1);
      assertThat(tensor(cut, "layers.1.up")).containsExactly(1, -1, 1, 0);
      assertThat(tensor(cut, "layers.1.down")).containsExactly(0, 0, 1, 1);

      // THEN (1, 0) becomes (2, -1) and then (2, 4): x = a+b = 1 adds (1, -1), and so on
      assertThat(new FakePass(cut).streams(List.of(new int[] {0})))
          .containsExactly(new float[] {2, -1}, new float[] {2, 4});
    }
  }

  private static float[] tensor(CausalLm model, String name) throws IOException {
    try (NDManager owner = Compute.cpu().newManager()) {
      return model.checkpoint().read(name, owner).toFloatArray();
    }
  }
}
