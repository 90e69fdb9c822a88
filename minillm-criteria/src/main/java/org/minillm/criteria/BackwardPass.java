package org.minillm.criteria;

import ai.djl.Device;
import ai.djl.engine.Engine;
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
import org.minillm.core.files.Interrupts;
import org.minillm.core.model.AttentionCache;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.DecoderBlock;
import org.minillm.core.model.InputTap;
import org.minillm.core.model.LanguageHead;
import org.minillm.core.model.LayerWeights;
import org.minillm.core.model.PassListener;
import org.minillm.core.model.Positions;
import org.minillm.core.model.PruningGroup;
import org.minillm.core.model.Strand;
import org.minillm.core.model.Sweep;
import org.minillm.core.model.TokenLayout;
import org.minillm.core.model.WeightSource;
import org.minillm.core.model.WeightTransform;

/**
 * One micro-batch forward and, block after block, backward. The loss of a window is the mean of
 * -log P over its predicted tokens; windows do not mix, so that one pass differentiates all.
 */
final class BackwardPass {

  private final CausalLm model;
  private final GradientSums sums;
  private final PassListener listener;

  BackwardPass(CausalLm model, GradientSums sums, PassListener listener) {
    this.model = model;
    this.sums = sums;
    this.listener = listener;
  }

  /** Adds the gradients of some windows' losses. */
  void run(List<int[]> windows) throws IOException {
    try (NDManager owner = NDManager.newBaseManager(Device.cpu(), CausalLm.ENGINE)) {
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
        listener.stepDone();
      }
    }
    sums.addWindows(windows.size());
  }

  /** Returns the residual stream before every layer and after the last. */
  private List<NDArray> forward(List<int[]> windows, NDManager owner) throws IOException {
    List<NDArray> streams = new ArrayList<>();
    try (Sweep sweep = new Sweep(model)) {
      Strand strand = sweep.add(windows, WeightTransform.NONE, InputTap.NONE);
      streams.add(copy(strand, owner));
      sweep.run(
          layer -> {
            streams.add(copy(strand, owner));
            listener.stepDone();
          });
    }
    return streams;
  }

  private static NDArray copy(Strand strand, NDManager owner) throws IOException {
    NDArray copy = strand.hidden().get(0).duplicate();
    copy.attach(owner);
    return copy;
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
        NDManager scratch = NDManager.newBaseManager(Device.cpu(), CausalLm.ENGINE);
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

  private static GradientCollector collector() {
    return Engine.getEngine(CausalLm.ENGINE).newGradientCollector();
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
  private final class GateTap implements InputTap {

    private final Map<PruningGroup, NDArray> gates = new HashMap<>();

    @Override
    public void accept(String point, NDArray input) {}

    @Override
    public NDArray through(String point, NDArray input) {
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
      gates.forEach((group, gate) -> sums.addGates(group, gate.getGradient().toFloatArray()));
    }
  }
}
