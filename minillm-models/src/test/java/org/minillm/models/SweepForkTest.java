package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.journal.ArraySource;
import org.minillm.core.journal.PassState;
import org.minillm.core.model.BlockTap;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.ForwardPass;
import org.minillm.core.model.WeightTransform;
import org.minillm.models.testing.Passes;

/** A fork computes what a strand of its own would, from its first layer on only. */
class SweepForkTest {

  @TempDir static Path temp;

  private static CausalLm model;
  private static List<int[]> windows;

  @BeforeAll
  static void open() throws IOException {
    model = CausalLm.open(TestModels.folder("tiny-llama", temp));
    windows = Passes.windows(model).windows(); // two micro-batches
  }

  @AfterAll
  static void close() throws IOException {
    model.close();
  }

  /** Doubles the down projections from a layer on; remembers which it was asked for. */
  private static final class Doubling implements WeightTransform {
    private final int firstLayer;
    private final List<String> asked = new ArrayList<>();

    Doubling(int firstLayer) {
      this.firstLayer = firstLayer;
    }

    @Override
    public NDArray apply(String tensor, NDArray weight, NDManager owner) {
      if (!tensor.endsWith("down_proj.weight")) {
        return weight;
      }
      asked.add(tensor);
      int layer = Integer.parseInt(tensor.split("\\.")[2]);
      NDArray doubled = weight.mul(layer < firstLayer ? 1 : 2);
      doubled.attach(owner);
      return doubled;
    }
  }

  @Test
  void aForkEndsWithTheBitsOfAStrandOfItsOwn() throws IOException {
    try (ForwardPass pass = new ForwardPass(model)) {
      // GIVEN a dense strand, a fork at layer 2, and a strand with the same weights
      Doubling doubling = new Doubling(2);
      Strand dense = pass.add(windows, WeightTransform.NONE, BlockTap.NONE);
      Strand fork = sweep.fork(dense, 2, doubling);
      Strand own = pass.add(windows, new Doubling(2), BlockTap.NONE);

      // WHEN
      pass.run();

      // THEN fork and strand agree, the dense strand differs, and the fork began at its layer
      List<double[]> losses = pass.windowLosses(List.of(fork, own, dense));
      assertThat(losses.get(0)).isEqualTo(losses.get(1)).isNotEqualTo(losses.get(2));
      assertThat(doubling.asked)
          .containsExactly(
              "model.layers.2.mlp.down_proj.weight", "model.layers.3.mlp.down_proj.weight");
    }
  }

  @Test
  void forksGoOnFromAnyLayer() throws IOException {
    // GIVEN the losses of a walk that was not disturbed, and where it stood after each layer
    List<PassState> states = new ArrayList<>();
    try (NDManager owner = NDManager.newBaseManager();
        Sweep whole = new Sweep(model)) {
      List<Strand> strands = strands(whole);
      whole.run(layer -> states.add(PassState.passing(layer + 1, copy(whole.streams(), owner))));
      List<double[]> expected = whole.windowNegativeLogLikelihoods(strands);

      for (PassState state : states) {
        try (ForwardPass pass = new ForwardPass(model)) {
          // WHEN another goes on there
          List<Strand> resumed = strands(sweep);
          sweep.resume(state);
          pass.run();

          // THEN it ends the same
          assertThat(pass.windowLosses(resumed))
              .as("after %d layers", state.layers())
              .usingRecursiveComparison()
              .isEqualTo(expected);
        }
      }
    }
  }

  private static List<Strand> strands(Sweep sweep) throws IOException {
    Strand dense = pass.add(windows, WeightTransform.NONE, BlockTap.NONE);
    return List.of(
        sweep.fork(dense, 0, new Doubling(0)),
        sweep.fork(dense, 2, new Doubling(2)),
        dense,
        sweep.fork(dense, 3, new Doubling(3)));
  }

  @Test
  void aForkNeedsALayerOfTheModel() throws IOException {
    try (ForwardPass pass = new ForwardPass(model)) {
      Strand dense = pass.add(windows, WeightTransform.NONE, BlockTap.NONE);
      assertThatThrownBy(() -> sweep.fork(dense, 4, WeightTransform.NONE))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("a fork at layer 4, expected 0 to 3");
    }
  }

  private static ArraySource copy(ArraySource streams, NDManager owner) throws IOException {
    List<NDArray> copies = new ArrayList<>();
    for (int i = 0; i < streams.shapes().size(); i++) {
      NDArray copy = streams.read(i, owner).duplicate();
      copy.attach(owner);
      copies.add(copy);
    }
    return ArraySource.of(copies);
  }
}
