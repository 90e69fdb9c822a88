package org.minillm.models.testing;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.architecture.ValueProjection;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.runtime.CausalLm;

/** The table of groups is true, and blocks get their weights where a transform can change them. */
interface GroupTableContract extends FamilyModels {

  @ParameterizedTest
  @MethodSource("models")
  default void everyLayerHasOneGroupOfEachKindWithTheUnitsOfItsShape(Path folder)
      throws IOException {
    try (CausalLm model = CausalLm.open(folder)) {
      for (int layer = 0; layer < model.config().layers().size(); layer++) {
        // WHEN a layer's groups are asked for
        List<PruningGroup> groups = model.decoder().groups(layer);

        // THEN there is one of each kind, as large as the layer's shape says
        assertThat(groups)
            .extracting(group -> group.id().kind())
            .containsExactlyInAnyOrderElementsOf(KINDS);
        for (PruningGroup group : groups) {
          assertThat(group.id().layer()).isEqualTo(layer);
          assertThat(group.units())
              .as("units of %s", group.id())
              .isEqualTo(model.config().layers().get(layer).units(group.id().kind()));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  default void unitsTileTheirAxisOfEveryTensorAndNoTensorIsInTwoGroups(Path folder)
      throws IOException {
    try (CausalLm model = CausalLm.open(folder)) {
      Set<String> seen = new HashSet<>();
      for (PruningGroup group : model.groups(KINDS)) {
        // WHEN the slices are compared with what the file holds
        for (TensorSlice slice : group.slices()) {
          Shape shape = model.checkpoint().tensor(slice.tensor()).shape();

          // THEN units times width is the axis, biases are vectors, and the tensor is new
          assertThat(shape.get(slice.axis()))
              .as("%s, axis %s, units times width", slice.tensor(), slice.axis())
              .isEqualTo((long) group.units() * slice.width());
          assertThat(shape.dimension()).as(slice.tensor()).isEqualTo(slice.isBias() ? 1 : 2);
          assertThat(seen.add(slice.tensor())).as("%s is in one group", slice.tensor()).isTrue();
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  default void everyTapPointShowsTheColumnsOfTheWeightsThatItFeeds(Path folder) throws IOException {
    try (CausalLm model = CausalLm.open(folder)) {
      // WHEN one batch goes through the blocks
      Passes.Recorder recorder = Passes.Recorder.over(model);

      // THEN each tap point was shown once, as wide as every weight that reads it
      assertThat(recorder.points).doesNotHaveDuplicates();
      for (PruningGroup group : model.groups(KINDS)) {
        for (TensorSlice slice : group.slices()) {
          if (!slice.isBias()) {
            int seen = recorder.points.indexOf(slice.input());
            assertThat(seen)
                .as("tap point %s of %s", slice.input(), slice.tensor())
                .isNotNegative();
            assertThat(recorder.channels.get(seen))
                .as("channels at %s, columns of %s", slice.input(), slice.tensor())
                .isEqualTo(model.checkpoint().tensor(slice.tensor()).shape().get(1));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  default void aBlockComputesWithWhatATapPutsInPlaceOfAnInput(Path folder) throws IOException {
    try (CausalLm model = CausalLm.open(folder)) {
      List<int[]> window = Passes.windows(model).windows().subList(0, 1);
      for (PruningGroup group : model.groups(KINDS)) {
        for (TensorSlice slice : group.slices()) {
          if (!slice.isBias()) {
            // WHEN a tap replaces one input by NaN
            BlockTap nan = new NanTap(slice.input());
            Passes.Outputs outputs = Passes.run(model, window, WeightTransform.NONE, nan);

            // THEN the block has computed with it
            assertThat(outputs.hidden())
                .as("hidden states without the input at %s", slice.input())
                .contains(Float.NaN);
          }
        }
      }
    }
  }

  /** Puts NaN in place of all that passes one tap point. */
  record NanTap(String spoiled) implements BlockTap {

    @Override
    public NDArray read(String point, NDArray input) {
      return point.equals(spoiled) ? input.mul(Float.NaN) : input;
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  default void aTransformIsShownEveryTensorOfABlockOnce(Path folder) throws IOException {
    try (CausalLm model = CausalLm.open(folder)) {
      // WHEN the blocks are opened with a transform
      Passes.Recorder recorder = Passes.Recorder.over(model);

      // THEN it saw all tensors that stand under the blocks' names, once each
      assertThat(recorder.tensors).containsExactlyInAnyOrderElementsOf(Passes.blockTensors(model));
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  default void aBlockComputesWithWhatTheTransformReturns(Path folder) throws IOException {
    try (CausalLm model = CausalLm.open(folder)) {
      List<int[]> window = Passes.windows(model).windows().subList(0, 1);
      for (String spoiled : Passes.blockTensors(model)) {
        // WHEN a transform replaces one tensor by NaN
        WeightTransform nan =
            (tensor, weight, owner) ->
                tensor.equals(spoiled) ? owner.full(weight.getShape(), Float.NaN) : weight;
        Passes.Outputs outputs = Passes.run(model, window, nan);

        // THEN the block has computed with it
        assertThat(outputs.hidden()).as("hidden states without %s", spoiled).contains(Float.NaN);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  default void theRowsOfTheValuesMakeWhatTheHeadsCarry(Path folder) throws IOException {
    try (CausalLm model = CausalLm.open(folder)) {
      List<int[]> window = Passes.windows(model).windows().subList(0, 1);
      // GIVEN what the first layer's output projection reads
      String heads =
          model.decoder().groups(0).stream()
              .filter(group -> group.id().kind() == GroupKind.ATTENTION_HEADS)
              .map(group -> group.consumer().input())
              .findFirst()
              .orElseThrow();
      float[] carried = Passes.inputs(model, window, WeightTransform.NONE, heads);

      // WHEN the rows of the values are doubled, weight and bias
      ValueProjection values = model.decoder().values(0);
      WeightTransform doubled =
          (tensor, weight, owner) ->
              tensor.equals(values.weight()) || tensor.equals(values.bias())
                  ? Passes.rowsDoubled(weight, values.rows(), owner)
                  : weight;

      // THEN so is what it reads: attention is linear in its values and in nothing else
      float[] twice = Passes.inputs(model, window, doubled, heads);
      float[] expected = carried.clone();
      for (int i = 0; i < expected.length; i++) {
        expected[i] *= 2;
      }
      assertThat(Passes.difference(twice, expected)).isLessThan(CutContract.SAME_FUNCTION);
      assertThat(Passes.difference(twice, carried)).isGreaterThan(CutContract.VISIBLE);
    }
  }
}
