package org.minillm.core.pruning;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import com.google.common.collect.ImmutableListMultimap;
import com.google.common.collect.Multimaps;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.minillm.core.calibration.CalibrationSet;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.GroupKind;
import org.minillm.core.model.InputTap;
import org.minillm.core.model.LayerWeights;
import org.minillm.core.model.PassListener;
import org.minillm.core.model.PruningGroup;
import org.minillm.core.model.TwinStreams;
import org.minillm.core.model.WeightTransform;

/**
 * Restores the consumers of a pruned model one after the other: the dense and the pruned residual
 * stream walk through the layers side by side, and a consumer is fitted to what the pruned model,
 * restored up to there, feeds it. The pruned model is computed in dense shapes with the removed
 * columns at zero, which is the same function.
 *
 * <p>Memory: both streams and the dense sums of one layer, tokens x hidden_size x 4 bytes each; the
 * second moments of one consumer.
 */
final class RestorationPass {

  /** Takes the restored weights. */
  @FunctionalInterface
  interface Sink {

    /**
     * A consumer is restored.
     *
     * @param tensor its name
     * @param weight FLOAT32, (out, kept columns); gone after the call
     */
    void accept(String tensor, NDArray weight) throws IOException;
  }

  private final CausalLm model;
  private final CutTable table;
  private final Restoration restoration;
  private final ImmutableListMultimap<Integer, PruningGroup> cutGroups;
  private final Sink sink;

  RestorationPass(CausalLm model, CutTable table, Restoration restoration, Sink sink) {
    this.model = model;
    this.table = table;
    this.restoration = restoration;
    this.sink = sink;
    this.cutGroups =
        Multimaps.index(
            model.groups(Arrays.asList(GroupKind.values())).stream()
                .filter(group -> table.cut(group.consumer().tensor()).isPresent())
                .toList(),
            group -> group.id().layer());
  }

  /** Restores every consumer that the plan cuts. */
  void run(CalibrationSet data, PassListener listener) throws IOException {
    int last = cutGroups.keySet().stream().mapToInt(Integer::intValue).max().orElse(-1);
    listener.passStarted("restore", last + 1L);
    try (TwinStreams streams = new TwinStreams(model, data.windows())) {
      for (int layer = 0; layer <= last; layer++) {
        try (LayerWeights weights = model.layer(layer);
            NDManager owner = streams.newManager()) {
          restoreLayer(streams, layer, weights, owner);
        }
        listener.stepDone();
      }
    }
    listener.passDone();
  }

  private void restoreLayer(TwinStreams streams, int layer, LayerWeights weights, NDManager owner)
      throws IOException {
    DenseSums sums = new DenseSums(cutGroups.get(layer), owner);
    streams.advanceDense(layer, weights, sums);
    Map<String, NDArray> restored = new HashMap<>();
    MaskedWeights masked = new MaskedWeights(table);
    WeightTransform transform =
        (tensor, weight, manager) -> {
          NDArray replaced = restored.get(tensor);
          return replaced == null ? masked.apply(tensor, weight, manager) : replaced;
        };
    for (PruningGroup group : sums.inOrderOfComputation()) {
      String tensor = group.consumer().tensor();
      restored.put(
          tensor, restore(streams, layer, weights, group, transform, sums.of(group), owner));
    }
    streams.advancePruned(layer, weights, restored.isEmpty() ? WeightTransform.NONE : transform);
  }

  /** Returns the restored consumer in the dense model's shape. */
  private NDArray restore(
      TwinStreams streams,
      int layer,
      LayerWeights weights,
      PruningGroup group,
      WeightTransform transform,
      List<NDArray> denseSums,
      NDManager owner)
      throws IOException {
    String tensor = group.consumer().tensor();
    CutTable.Cut cut = table.cut(tensor).orElseThrow();
    NDArray weight = weights.read(tensor, owner);
    try (NDManager scratch = owner.newSubManager()) {
      MomentsTap tap = new MomentsTap(restoration, group.consumer(), cut, weight, scratch);
      streams.showPruned(layer, weights, transform, batch -> tap.batch(denseSums.get(batch)));
      NDArray kept = scratch.create(cut.kept().stream().asLongStream().toArray());
      NDArray columns;
      try (NDScope scope = new NDScope()) {
        scope.suppressNotUsedWarning();
        NDArray correction = restoration.correction(tap.moments()).toType(DataType.FLOAT32, false);
        columns = weight.transpose().get(kept).transpose().add(correction);
        columns = columns.duplicate();
        columns.attach(scratch);
        NDScope.unregister(columns);
      }
      sink.accept(tensor, columns);
      return cut.spread(columns, owner);
    }
  }

  /** Remembers what the dense stream is after each consumer of interest, batch by batch. */
  private static final class DenseSums implements InputTap {
    private final List<PruningGroup> groups;
    private final NDManager owner;
    private final List<PruningGroup> order = new ArrayList<>();
    private final Map<PruningGroup, List<NDArray>> sums = new HashMap<>();
    private String point = "";

    DenseSums(List<PruningGroup> groups, NDManager owner) {
      this.groups = groups;
      this.owner = owner;
    }

    @Override
    public void accept(String tapPoint, NDArray input) {
      point = tapPoint;
    }

    @Override
    public void after(NDArray sum) {
      for (PruningGroup group : groups) {
        if (point.equals(group.consumer().input())) {
          NDArray copy = sum.duplicate();
          NDScope.unregister(copy);
          copy.attach(owner);
          if (!order.contains(group)) {
            order.add(group);
          }
          sums.computeIfAbsent(group, any -> new ArrayList<>()).add(copy);
        }
      }
    }

    List<PruningGroup> inOrderOfComputation() {
      return order;
    }

    List<NDArray> of(PruningGroup group) {
      return sums.get(group);
    }
  }
}
