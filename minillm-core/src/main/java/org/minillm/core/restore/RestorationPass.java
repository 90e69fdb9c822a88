package org.minillm.core.restore;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableListMultimap;
import com.google.common.collect.Iterables;
import com.google.common.collect.Multimaps;
import com.google.gson.JsonElement;
import java.io.IOException;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.evidence.EvidencePass;
import org.minillm.core.files.JsonNode;
import org.minillm.core.journal.ArraySource;
import org.minillm.core.journal.Findings;
import org.minillm.core.plan.CutTable;
import org.minillm.core.plan.MaskedWeights;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.Layer;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.Pass;
import org.minillm.core.runtime.ResidualStream;

/**
 * Restores the consumers of a pruned model one after the other: the dense and the pruned residual
 * stream walk through the layers side by side, and a consumer is fitted to what the pruned model,
 * restored up to there, feeds it. The pruned model is computed in dense shapes with the removed
 * columns at zero, which is the same function. A restoration that is fitted on the dense model's
 * inputs needs one stream only.
 */
public final class RestorationPass implements Pass {

  /** Takes the restored weights, which are what the pass finds. */
  public interface Sink extends Findings {

    /**
     * Names the pass: a plan that was edited meanwhile is to find nothing of the old one.
     *
     * @return letters, digits and dashes
     */
    String name();

    /**
     * A tensor is restored.
     *
     * @param tensor name of a weight or of a bias
     * @param values FLOAT32, (out, in) or (out), without what the plan cuts; gone after the call
     * @throws IOException if it cannot be written
     */
    void accept(String tensor, NDArray values) throws IOException;
  }

  /** With few tokens there are nearly as many degrees of freedom: noise would be all there is. */
  private static final double MOST_NOISE = 0.5;

  private final CausalLm model;
  private final CutTable table;
  private final Restoration restoration;
  private final long tokens;
  private final Sink sink;
  private final ImmutableListMultimap<Integer, PruningGroup> cutGroups;
  private final ResidualStream dense;
  private final ResidualStream pruned;
  private final ResidualStream noise;

  /**
   * Begins.
   *
   * @param model the dense model
   * @param table what the plan cuts
   * @param restoration how the consumers are changed
   * @param data the text that the restoration is fitted to
   * @param sink takes what is restored, and names the plan: another plan has another name
   */
  public RestorationPass(
      CausalLm model, CutTable table, Restoration restoration, CalibrationSet data, Sink sink) {
    requireNonNull(model, "model");
    requireNonNull(table, "table");
    requireNonNull(restoration, "restoration");
    requireNonNull(data, "data");
    requireNonNull(sink, "sink");
    this.model = model;
    this.table = table;
    this.restoration = restoration;
    this.tokens = data.tokens();
    this.sink = sink;
    this.cutGroups =
        Multimaps.index(
            model.groups(Arrays.asList(GroupKind.values())).stream()
                .filter(group -> table.cut(group.consumer().tensor()).isPresent())
                .toList(),
            group -> group.id().layer());
    this.dense = ResidualStream.of(model, data.windows());
    this.pruned = dense.twin();
    this.noise = dense.beside();
  }

  /**
   * Forecasts the restoration of a plan that cuts some kinds of groups: the streams, what is
   * recorded of the dense model in a layer, the second moments of one consumer.
   *
   * @param model the dense model
   * @param data the text that the restoration is fitted to
   * @param restoration how the consumers are changed
   * @param kinds of the groups that are cut
   * @return the forecast
   */
  public static MemoryForecast memoryForecast(
      CausalLm model, CalibrationSet data, Restoration restoration, Collection<GroupKind> kinds) {
    requireNonNull(model, "model");
    requireNonNull(data, "data");
    requireNonNull(restoration, "restoration");
    requireNonNull(kinds, "kinds");
    long ofAStream = data.tokens() * model.config().hiddenSize() * Float.BYTES;
    int streams = 2 + (restoration.noise() > 0 ? 1 : 0);
    int recorded = kinds.size() + (restoration.valueRestoration().isPresent() ? 1 : 0);
    return model
        .memoryForecast(data.window())
        .withStreams((streams + recorded) * ofAStream)
        .plus(EvidencePass.bytesOfMoments(model, kinds));
  }

  @Override
  public String name() {
    return sink.name();
  }

  /** Values are restored behind the last cut, too. */
  @Override
  public int layers() {
    int lastCut = cutGroups.keySet().stream().mapToInt(Integer::intValue).max().orElse(-1);
    return restoration.valueRestoration().isPresent() && lastCut >= 0
        ? model.config().layers().size()
        : lastCut + 1;
  }

  @Override
  public List<ResidualStream> streams() {
    return ImmutableList.of(dense, pruned, noise);
  }

  @Override
  public JsonElement toJson() {
    return sink.toJson();
  }

  @Override
  public void resume(int layers, JsonNode json) throws IOException {
    sink.resume(layers, json);
  }

  @Override
  public void layer(Layer layer) throws IOException {
    List<PruningGroup> groups = cutGroups.get(layer.index());
    if (restoration.inputs() == Restoration.Inputs.DENSE) {
      restoreOnDenseInputs(layer, groups);
      return;
    }
    // before the first cut the values read what the dense model's do
    Restoration ofValues =
        pruned.isOneWith(dense) ? null : restoration.valueRestoration().orElse(null);
    if (!groups.isEmpty()) {
      pruned.part();
    }
    String valuePoint = ofValues == null ? null : model.decoder().values(layer.index()).input();
    try (DenseTargets targets = new DenseTargets(groups, valuePoint, dense)) {
      layer.advance(dense, WeightTransform.NONE, targets);
      if (pruned.isOneWith(dense)) {
        return;
      }
      Map<String, NDArray> changed = new HashMap<>();
      if (ofValues != null) {
        changed.putAll(restoreValues(layer, ofValues, targets.valueInputs()));
      }
      changed.putAll(masked(layer, groups));
      WeightTransform transform =
          changed.isEmpty()
              ? WeightTransform.NONE
              : (tensor, weight, owner) -> changed.getOrDefault(tensor, weight);
      double freedom = 0;
      for (PruningGroup group : targets.inOrderOfComputation()) {
        freedom += restoreConsumer(layer, group, targets.of(group), transform, changed);
      }
      layer.advance(pruned, transform, BlockTap.NONE);
      injectNoise(layer, restoration.noise() * freedom / tokens);
    }
  }

  /** Lets the values read, as far as they can, what the dense model's read. */
  private Map<String, NDArray> restoreValues(
      Layer layer, Restoration ofValues, ResidualStream wanted) throws IOException {
    ValueMoments observer =
        new ValueMoments(
            ofValues,
            model.decoder().values(layer.index()),
            model.config().hiddenSize(),
            wanted,
            model.compute().kernels());
    try (MomentSums sums = layer.observe(pruned.minus(noise), WeightTransform.NONE, observer)) {
      Map<String, NDArray> restored = observer.restored(sums, layer.weights(), layer.owner());
      for (Map.Entry<String, NDArray> tensor : restored.entrySet()) {
        Optional<CutTable.Cut> cut = table.cut(tensor.getKey());
        NDArray values = tensor.getValue();
        sink.accept(tensor.getKey(), cut.isPresent() ? cut.get().select(values) : values);
      }
      return restored;
    }
  }

  /** The consumers without what is removed; one after the other is restored. */
  private Map<String, NDArray> masked(Layer layer, List<PruningGroup> groups) throws IOException {
    MaskedWeights masked = new MaskedWeights(table);
    Map<String, NDArray> consumers = new HashMap<>();
    for (PruningGroup group : groups) {
      String consumer = group.consumer().tensor();
      consumers.put(
          consumer,
          masked.apply(consumer, layer.weights().read(consumer, layer.owner()), layer.owner()));
    }
    return consumers;
  }

  /** Returns the degrees of freedom of the correction. */
  private double restoreConsumer(
      Layer layer,
      PruningGroup group,
      ResidualStream target,
      WeightTransform transform,
      Map<String, NDArray> changed)
      throws IOException {
    try (NDManager scratch = layer.owner().newSubManager();
        MomentSums sums =
            layer.observe(pruned, transform, moments(layer, group, target.plus(noise), scratch))) {
      Restoration.Delta correction =
          RestorationDeltas.of(restoration, sums.moments(), group.consumer().tensor());
      changed.putAll(corrected(layer, group, correction));
      return correction.freedom();
    }
  }

  private void injectNoise(Layer layer, double scale) throws IOException {
    if (scale > 0) {
      try (NDManager scratch = layer.owner().newSubManager()) {
        new NoiseInjection(dense, pruned, noise)
            .add("layer " + layer.index(), Math.min(scale, MOST_NOISE), scratch);
      }
    }
  }

  /**
   * The streams stay one: nothing that is restored is read on, and the last of the consumers is
   * watched while the stream goes on.
   */
  private void restoreOnDenseInputs(Layer layer, List<PruningGroup> groups) throws IOException {
    if (groups.isEmpty()) {
      layer.advance(dense, WeightTransform.NONE, BlockTap.NONE);
    }
    for (PruningGroup group : groups) {
      try (NDManager scratch = layer.owner().newSubManager()) {
        ConsumerMoments observer = moments(layer, group, null, scratch);
        try (MomentSums sums =
            group.equals(Iterables.getLast(groups))
                ? layer.advance(dense, WeightTransform.NONE, observer)
                : layer.observe(dense, WeightTransform.NONE, observer)) {
          corrected(
              layer,
              group,
              RestorationDeltas.of(restoration, sums.moments(), group.consumer().tensor()));
        }
      }
    }
  }

  private ConsumerMoments moments(
      Layer layer, PruningGroup group, @Nullable ArraySource wanted, NDManager scratch)
      throws IOException {
    String consumer = group.consumer().tensor();
    return new ConsumerMoments(
        restoration,
        group.consumer(),
        table.cut(consumer).orElseThrow(),
        layer.weights().read(consumer, layer.owner()),
        group.consumerBias().isPresent(),
        wanted,
        scratch,
        model.compute().kernels());
  }

  /** Hands out the restored tensors, and returns them in the dense model's shapes. */
  private Map<String, NDArray> corrected(
      Layer layer, PruningGroup group, Restoration.Delta correction) throws IOException {
    String consumer = group.consumer().tensor();
    CutTable.Cut cut = table.cut(consumer).orElseThrow();
    NDManager owner = layer.owner();
    NDArray weight = layer.weights().read(consumer, owner);
    Map<String, NDArray> restored = new HashMap<>();
    try (NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDArray columns =
          cut.select(weight).add(correction.weight().toType(DataType.FLOAT32, false)).duplicate();
      sink.accept(consumer, columns);
      restored.put(consumer, kept(cut.spread(columns, owner), owner));
      if (correction.bias() != null) {
        String bias = group.consumerBias().orElseThrow();
        NDArray shifted =
            layer
                .weights()
                .read(bias, owner)
                .add(correction.bias().reshape(-1).toType(DataType.FLOAT32, false));
        sink.accept(bias, shifted);
        restored.put(bias, kept(shifted, owner));
      }
    }
    return restored;
  }

  /** Lets an array outlive the scope that it was made in. */
  private static NDArray kept(NDArray array, NDManager owner) {
    NDScope.unregister(array);
    array.attach(owner);
    return array;
  }
}
