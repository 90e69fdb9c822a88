package org.minillm.criteria;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.training.GradientCollector;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.minillm.core.architecture.AttentionCache;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.DecoderBlock;
import org.minillm.core.architecture.Positions;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TokenLayout;
import org.minillm.core.architecture.WeightSource;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.files.Interrupts;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.LanguageHead;
import org.minillm.core.runtime.Layer;
import org.minillm.core.runtime.LayerWeights;
import org.minillm.core.runtime.Pass;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.runtime.ResidualStream;
import org.minillm.core.tensor.HostMemory;

/**
 * One micro-batch forward and, block after block, backward. The loss of a window is the mean of
 * -log P over its predicted tokens; windows do not mix, so that one pass differentiates all.
 *
 * <p>The way back is no {@link Pass}: it goes through the layers in the other direction, and each
 * layer needs what the way forward has recorded before it.
 */
final class BackwardPass {

  private final PassRunner runner;
  private final CausalLm model;
  private final GradientSums sums;

  /**
   * Begins.
   *
   * @param runner without a journal: the passes of a micro-batch are short and begin anew
   */
  BackwardPass(PassRunner runner, GradientSums sums) {
    this.runner = runner;
    this.model = runner.model();
    this.sums = sums;
  }

  /** Adds the gradients of some windows' losses. */
  void run(List<int[]> windows) throws IOException {
    try (NDManager owner = model.newManager()) {
      List<NDArray> streams = forward(windows, owner);
      Positions positions =
          model.decoder().positions(TokenLayout.following(0, windows.get(0).length), owner);
      int layers = streams.size() - 1;
      NDArray gradient = gradientOfLastStream(streams.get(layers), windows);
      for (int layer = layers - 1; layer >= 0; layer--) {
        NDArray next = backward(layer, streams.get(layer), gradient, positions);
        gradient.close();
        streams.get(layer + 1).close();
        gradient = next;
        runner.listener().stepDone();
      }
    }
    sums.addWindows(windows.size());
  }

  /** Returns the residual stream before every layer and after the last. */
  private List<NDArray> forward(List<int[]> windows, NDManager owner) throws IOException {
    try (Recorded recorded = new Recorded(windows, owner)) {
      runner.run(recorded);
      recorded.record();
      return recorded.streams;
    }
  }

  /** A forward pass that keeps where the stream stands, of one micro-batch. */
  private final class Recorded implements Pass {
    private final ResidualStream stream;
    private final NDManager owner;
    private final List<NDArray> streams = new ArrayList<>();

    Recorded(List<int[]> windows, NDManager owner) {
      this.stream = ResidualStream.of(runner.model(), windows);
      this.owner = owner;
    }

    @Override
    public String name() {
      return "backprop";
    }

    @Override
    public int layers() {
      return runner.model().config().layers().size();
    }

    @Override
    public List<ResidualStream> streams() {
      return List.of(stream);
    }

    @Override
    public void layer(Layer layer) throws IOException {
      record();
      layer.advance(stream, WeightTransform.NONE, BlockTap.NONE);
    }

    private void record() throws IOException {
      NDArray copy = stream.hidden().get(0).duplicate();
      copy.attach(owner);
      streams.add(copy);
    }
  }

  private NDArray gradientOfLastStream(NDArray stream, List<int[]> windows) throws IOException {
    int predicted = windows.get(0).length - 1;
    int[] targets =
        windows.stream().flatMapToInt(ids -> Arrays.stream(ids, 1, ids.length)).toArray();
    try (GradientCollector collector = collector();
        NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDArray leaf = leaf(stream);
      NDArray normed = model.decoder().finalHidden(model.checkpoint()::read, leaf);
      NDArray read = normed.get(":, :" + predicted).reshape(-1, normed.getShape().get(2));
      NDArray gradient =
          new LanguageHead(model)
              .negativeLogLikelihoodGradient(
                  new LanguageHead.Predictions(read.stopGradient(), targets));
      collector.backward(read.mul(gradient).sum().div(predicted));
      gradient.close();
      return kept(leaf.getGradient());
    }
  }

  /** Returns the gradient of the stream before a layer, from that of the stream after it. */
  private NDArray backward(int layer, NDArray stream, NDArray gradient, Positions positions)
      throws IOException {
    Interrupts.requireNone();
    Map<String, NDArray> leaves = new HashMap<>();
    GateTap gates = new GateTap();
    try (LayerWeights weights = model.layer(layer);
        NDManager scratch = model.newManager();
        GradientCollector collector = collector();
        NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      WeightSource source =
          (tensor, owner) -> {
            NDArray weight = weights.read(tensor, owner);
            return sums.wants(tensor)
                ? leaves.computeIfAbsent(tensor, any -> leaf(weight))
                : weight;
          };
      NDArray leaf = leaf(stream);
      DecoderBlock block = model.decoder().block(layer, source, scratch);
      NDArray output = block.forward(leaf, positions, AttentionCache.NONE, gates);
      collector.backward(output.mul(gradient).sum());
      leaves.forEach((tensor, weight) -> sums.addWeight(tensor, weight.getGradient()));
      gates.addTo(sums);
      return kept(leaf.getGradient());
    }
  }

  private GradientCollector collector() {
    return model.compute().newGradientCollector();
  }

  /** A handle of the same memory with a gradient of its own: the array itself never has one. */
  private static NDArray leaf(NDArray array) {
    NDArray leaf = array.stopGradient();
    leaf.setRequiresGradient(true);
    return leaf;
  }

  private static NDArray kept(NDArray array) {
    NDScope.unregister(array);
    return array;
  }

  /** Puts gates of 1 before the consumers, one a window and unit, so that they have a gradient. */
  private final class GateTap implements BlockTap {

    private final Map<PruningGroup, NDArray> gates = new HashMap<>();

    @Override
    public NDArray read(String point, NDArray input) {
      PruningGroup group = sums.gatedAt(point);
      if (group == null) {
        return input;
      }
      NDArray ones = input.getManager().ones(Gates.shape(input.getShape().get(0), group));
      ones.setRequiresGradient(true);
      gates.put(group, ones);
      return Gates.apply(input, ones, group);
    }

    void addTo(GradientSums sums) {
      gates.forEach(
          (group, gate) -> sums.addGates(group, HostMemory.floatArray(gate.getGradient())));
    }
  }
}
