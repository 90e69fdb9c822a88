package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.common.primitives.ImmutableDoubleArray;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.journal.JournalFolder;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.LossPass;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.runtime.ResidualStream;
import org.minillm.models.testing.Passes;

/** A fork computes what a stream of its own would, from its first layer on only. */
class ForkedStreamsTest {

  @TempDir static Path temp;

  private static final int NOWHERE = -1;

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
  void aForkEndsWithTheBitsOfAStreamOfItsOwn() throws IOException {
    try (ForwardPass pass = new ForwardPass(model)) {
      // GIVEN a dense stream, a fork at layer 2, and a stream with the same weights
      Doubling doubling = new Doubling(2);
      ResidualStream dense = pass.add(windows, WeightTransform.NONE, BlockTap.NONE);
      ResidualStream fork = pass.fork(dense, 2, doubling);
      ResidualStream own = pass.add(windows, new Doubling(2), BlockTap.NONE);

      // WHEN
      pass.run();

      // THEN fork and stream agree, the dense stream differs, and the fork began at its layer
      List<double[]> losses = pass.windowLosses(List.of(fork, own, dense));
      assertThat(losses.get(0)).isEqualTo(losses.get(1)).isNotEqualTo(losses.get(2));
      assertThat(doubling.asked)
          .containsExactly(
              "model.layers.2.mlp.down_proj.weight", "model.layers.3.mlp.down_proj.weight");
    }
  }

  /** A pass with forks at several layers, which is interrupted before one of them. */
  private static LossPass forks(int brokenLayer) {
    ForwardPass forward = new ForwardPass(model, "forks");
    ResidualStream dense = forward.add(windows, new Breaking(brokenLayer), BlockTap.NONE);
    return new LossPass(
        forward,
        List.of(
            forward.fork(dense, 0, new Doubling(0)),
            forward.fork(dense, 2, new Doubling(2)),
            dense,
            forward.fork(dense, 3, new Doubling(3))));
  }

  /** Fails at a layer, before any stream has passed it. */
  private record Breaking(int layer) implements WeightTransform {
    @Override
    public NDArray apply(String tensor, NDArray weight, NDManager owner) {
      if (tensor.startsWith("model.layers." + layer + ".")) {
        throw new IllegalStateException("interrupted");
      }
      return weight;
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void forksGoOnFromAnyLayer(int layer) throws IOException {
    // GIVEN the losses of a pass that was not disturbed, and the journal of one that was
    List<ImmutableDoubleArray> expected;
    try (LossPass whole = forks(NOWHERE)) {
      new PassRunner(model).run(whole);
      expected = whole.losses();
    }
    Path folder = temp.resolve("journal" + layer);
    try (JournalFolder journal = JournalFolder.open(folder, Map.of(), Duration.ZERO);
        LossPass broken = forks(layer)) {
      assertThatThrownBy(() -> new PassRunner(model, PassListener.SILENT, journal).run(broken))
          .hasMessage("interrupted");
    }

    // WHEN another goes on there
    List<Long> steps = new ArrayList<>();
    PassListener listener =
        new PassListener() {
          @Override
          public void stepsDone(long done) {
            steps.add(done);
          }
        };
    try (JournalFolder journal = JournalFolder.open(folder, Map.of(), Duration.ZERO);
        LossPass resumed = forks(NOWHERE)) {
      new PassRunner(model, listener, journal).run(resumed);

      // THEN it ends the same
      assertThat(resumed.losses()).isEqualTo(expected);
      assertThat(steps.get(0)).isEqualTo(layer);
      assertThat(steps).hasSize(1 + model.config().layers().size() - layer);
    }
  }

  @Test
  void aForkNeedsALayerOfTheModel() {
    try (ForwardPass pass = new ForwardPass(model)) {
      ResidualStream dense = pass.add(windows, WeightTransform.NONE, BlockTap.NONE);
      assertThatThrownBy(() -> pass.fork(dense, 4, WeightTransform.NONE))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("a fork at layer 4, expected 0 to 3");
    }
  }

  @Test
  void aForkNeedsAStreamOfThePassThatIsNoFork() {
    try (ForwardPass pass = new ForwardPass(model)) {
      ResidualStream dense = pass.add(windows, WeightTransform.NONE, BlockTap.NONE);
      ResidualStream fork = pass.fork(dense, 1, WeightTransform.NONE);
      assertThatThrownBy(() -> pass.fork(fork, 2, WeightTransform.NONE))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("a fork of a fork");
    }
  }
}
