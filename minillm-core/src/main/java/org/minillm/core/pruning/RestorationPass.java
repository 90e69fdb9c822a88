package org.minillm.core.pruning;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import com.google.common.collect.ImmutableListMultimap;
import com.google.common.collect.Iterables;
import com.google.common.collect.Multimaps;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.minillm.core.journal.ArraySource;
import org.minillm.core.journal.Findings;
import org.minillm.core.journal.Journal;
import org.minillm.core.journal.PassState;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.GroupKind;
import org.minillm.core.model.InputTap;
import org.minillm.core.model.LayerWalk;
import org.minillm.core.model.LayerWeights;
import org.minillm.core.model.PassListener;
import org.minillm.core.model.PruningGroup;
import org.minillm.core.model.ResidualStream;
import org.minillm.core.model.TwinStreams;
import org.minillm.core.model.WeightTransform;

/**
 * Restores the consumers of a pruned model one after the other: the dense and the pruned residual
 * stream walk through the layers side by side, and a consumer is fitted to what the pruned model,
 * restored up to there, feeds it. The pruned model is computed in dense shapes with the removed
 * columns at zero, which is the same function. A restoration that is fitted on the dense model's
 * inputs needs one stream only.
 *
 * <p>Memory: both streams, the noise, the dense sums of one layer, tokens x hidden_size x 4 bytes
 * each, unless they wait in scratch files; the second moments of one consumer.
 */
final class RestorationPass {

  /** Takes the restored weights, which are what the pass finds. */
  interface Sink extends Findings {

    /**
     * A tensor is restored.
     *
     * @param tensor name of a weight or of a bias
     * @param values FLOAT32, (out, in) or (out), without what the plan cuts; gone after the call
     */
    void accept(String tensor, NDArray values) throws IOException;
  }

  /** With few tokens there are nearly as many degrees of freedom: noise would be all there is. */
  private static final double MOST_NOISE = 0.5;

  private final CausalLm model;
  private final CutTable table;
  private final Refit refit;
  private final Restoration restoration;
  private final ImmutableListMultimap<Integer, PruningGroup> cutGroups;
  private final Sink sink;

  RestorationPass(CausalLm model, CutTable table, Refit refit, Sink sink) {
    this.model = model;
    this.table = table;
    this.refit = refit;
    this.restoration = refit.restoration();
    this.sink = sink;
    this.cutGroups =
        Multimaps.index(
            model.groups(Arrays.asList(GroupKind.values())).stream()
                .filter(group -> table.cut(group.consumer().tensor()).isPresent())
                .toList(),
            group -> group.id().layer());
  }

  /** Restores every consumer that the plan cuts and that an interrupted run has not restored. */
  void run(String pass, PassListener listener) throws IOException {
    Journal journal = refit.journal();
    int last = lastLayer();
    listener.passStarted("restore", last + 1L);
    try (TwinStreams streams = new TwinStreams(model, refit.data().windows())) {
      int first = resume(streams, journal, pass, last + 1);
      listener.stepsDone(first);
      try (LayerWalk walk = model.walk(first, last + 1)) {
        for (int layer = first; layer <= last; layer++) {
          int done = layer + 1;
          try (LayerWeights weights = walk.next();
              NDManager owner = streams.newManager()) {
            if (restoration.inputs() == Restoration.Inputs.DENSE) {
              restoreOnDenseInputs(streams, layer, weights, owner);
            } else {
              restoreOnPrunedInputs(streams, layer, weights, owner);
            }
          }
          listener.stepDone();
          journal.saveIfDue(pass, () -> new PassState(done, sink.toJson(), streams.arrays()));
        }
      }
    }
    listener.passDone();
  }

  /** Values are fitted behind the last cut, too. */
  private int lastLayer() {
    int lastCut = cutGroups.keySet().stream().mapToInt(Integer::intValue).max().orElse(-1);
    return restoration.valueRestoration().isPresent() && lastCut >= 0
        ? model.config().layers().size() - 1
        : lastCut;
  }

  /** Returns the number of layers that are done. */
  private int resume(TwinStreams streams, Journal journal, String pass, int most)
      throws IOException {
    Optional<PassState> earlier =
        journal.resume(
            pass, state -> state.layers() <= most && streams.fits(state.streams()), sink);
    if (earlier.isEmpty()) {
      return 0;
    }
    streams.resume(earlier.get().streams());
    return earlier.get().layers();
  }

  private void restoreOnPrunedInputs(
      TwinStreams streams, int layer, LayerWeights weights, NDManager owner) throws IOException {
    // before the first cut the values read what the dense model's do
    Restoration ofValues = streams.diverged() ? restoration.valueRestoration().orElse(null) : null;
    String valuePoint = ofValues == null ? null : model.decoder().values(layer).input();
    try (DenseTargets targets = new DenseTargets(cutGroups.get(layer), valuePoint, streams)) {
      try {
        streams.advanceDense(layer, weights, targets);
      } catch (UncheckedIOException e) {
        // a tap has no other way to say that the disk is full
        throw e.getCause();
      }
      Map<String, NDArray> changed = new HashMap<>();
      if (ofValues != null) {
        changed.putAll(refitValues(streams, layer, weights, ofValues, targets, owner));
      }
      restoreConsumers(streams, layer, weights, targets, changed, owner);
    }
  }

  private Map<String, NDArray> refitValues(
      TwinStreams streams,
      int layer,
      LayerWeights weights,
      Restoration ofValues,
      DenseTargets targets,
      NDManager owner)
      throws IOException {
    try (NDManager scratch = owner.newSubManager()) {
      ValueRefit refit =
          new ValueRefit(
              ofValues, model.decoder().values(layer), model.config().hiddenSize(), scratch);
      ResidualStream dense = targets.valueInputs();
      streams.showPrunedWithoutNoise(
          layer, weights, (batch, any) -> refit.batch(dense.read(batch, any)));
      Map<String, NDArray> fitted = refit.fitted(weights, owner);
      for (Map.Entry<String, NDArray> tensor : fitted.entrySet()) {
        Optional<CutTable.Cut> cut = table.cut(tensor.getKey());
        NDArray values = tensor.getValue();
        sink.accept(tensor.getKey(), cut.isPresent() ? cut.get().select(values) : values);
      }
      return fitted;
    }
  }

  /** {@code changed} are the tensors of the pruned model that are not as in the dense one. */
  private void restoreConsumers(
      TwinStreams streams,
      int layer,
      LayerWeights weights,
      DenseTargets targets,
      Map<String, NDArray> changed,
      NDManager owner)
      throws IOException {
    // the consumers are masked, then one after the other restored
    MaskedWeights masked = new MaskedWeights(table);
    for (PruningGroup group : cutGroups.get(layer)) {
      String consumer = group.consumer().tensor();
      changed.put(consumer, masked.apply(consumer, weights.read(consumer, owner), owner));
    }
    WeightTransform transform =
        changed.isEmpty()
            ? WeightTransform.NONE
            : (tensor, weight, manager) -> changed.getOrDefault(tensor, weight);
    double freedom = 0;
    for (PruningGroup group : targets.inOrderOfComputation()) {
      String consumer = group.consumer().tensor();
      CutTable.Cut cut = table.cut(consumer).orElseThrow();
      try (NDManager scratch = owner.newSubManager()) {
        MomentsTap tap = momentsOf(group, cut, weights, owner, scratch);
        ArraySource wanted = streams.withNoise(targets.of(group));
        streams.showPruned(
            layer, weights, transform, (batch, any) -> tap.batch(wanted.read(batch, any)));
        Restoration.Correction correction = Corrections.of(restoration, tap.moments(), consumer);
        freedom += correction.freedom();
        changed.putAll(restore(consumer, cut, weights, correction, owner));
      }
    }
    streams.advancePruned(layer, weights, transform);
    double noise = restoration.noise() * freedom / refit.data().tokens();
    if (noise > 0) {
      streams.disturbPruned(layer, Math.min(noise, MOST_NOISE));
    }
  }

  /**
   * The streams stay one: nothing that is restored is read on, and the last of the consumers is
   * watched while the stream goes on.
   */
  private void restoreOnDenseInputs(
      TwinStreams streams, int layer, LayerWeights weights, NDManager owner) throws IOException {
    List<PruningGroup> groups = cutGroups.get(layer);
    if (groups.isEmpty()) {
      streams.advanceDense(layer, weights, InputTap.NONE);
    }
    for (PruningGroup group : groups) {
      String consumer = group.consumer().tensor();
      CutTable.Cut cut = table.cut(consumer).orElseThrow();
      try (NDManager scratch = owner.newSubManager()) {
        MomentsTap tap = momentsOf(group, cut, weights, owner, scratch);
        if (group.equals(Iterables.getLast(groups))) {
          streams.advanceDense(layer, weights, tap.ofDenseInputs());
        } else {
          streams.showPruned(
              layer, weights, WeightTransform.NONE, (batch, any) -> tap.ofDenseInputs());
        }
        restore(
            consumer, cut, weights, Corrections.of(restoration, tap.moments(), consumer), owner);
      }
    }
    streams.advancePruned(layer, weights, WeightTransform.NONE);
  }

  private MomentsTap momentsOf(
      PruningGroup group,
      CutTable.Cut cut,
      LayerWeights weights,
      NDManager owner,
      NDManager scratch)
      throws IOException {
    String consumer = group.consumer().tensor();
    return new MomentsTap(
        restoration,
        group.consumer(),
        cut,
        weights.read(consumer, owner),
        biasOf(consumer).isPresent(),
        scratch);
  }

  /** As torch.nn.Linear names it, and with it every family of Hugging Face. */
  private Optional<String> biasOf(String weight) {
    String bias = weight.replaceFirst("[.]weight$", ".bias");
    return model.decoder().tensors().containsKey(bias) ? Optional.of(bias) : Optional.empty();
  }

  /** Hands out the restored tensors, and returns them in the dense model's shapes. */
  private Map<String, NDArray> restore(
      String consumer,
      CutTable.Cut cut,
      LayerWeights weights,
      Restoration.Correction correction,
      NDManager owner)
      throws IOException {
    NDArray weight = weights.read(consumer, owner);
    Map<String, NDArray> restored = new HashMap<>();
    try (NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDArray columns =
          cut.select(weight).add(correction.weight().toType(DataType.FLOAT32, false)).duplicate();
      sink.accept(consumer, columns);
      restored.put(consumer, kept(cut.spread(columns, owner), owner));
      if (correction.bias() != null) {
        String name = biasOf(consumer).orElseThrow();
        NDArray bias =
            weights
                .read(name, owner)
                .add(correction.bias().reshape(-1).toType(DataType.FLOAT32, false));
        sink.accept(name, bias);
        restored.put(name, kept(bias, owner));
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
