package org.minillm.core.runtime;

import ai.djl.ndarray.NDManager;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalLong;
import org.minillm.core.architecture.Decoder;
import org.minillm.core.checkpoint.Checkpoint;

/**
 * The weights of the layers: which of them stay in memory, and what else of a pass does, as far as
 * the memory budget goes. Owns native memory.
 */
final class LayerStore {

  private final Checkpoint checkpoint;
  private final Decoder decoder;
  private final NDManager manager;
  private final MemoryBudget budget;
  private final OptionalLong processBytes = ProcessMemory.ofThisProcess().residentBytes();
  private final Map<Integer, LayerWeights> resident = new HashMap<>();
  private int residentLayers;
  private boolean readsAhead;
  private boolean spillsStreams;
  private boolean keepsHead;

  /** The layers hang on a manager that the caller closes after this. */
  LayerStore(Checkpoint checkpoint, Decoder decoder, NDManager manager, MemoryBudget budget) {
    this.checkpoint = checkpoint;
    this.decoder = decoder;
    this.manager = manager;
    this.budget = budget;
  }

  MemoryBudget budget() {
    return budget;
  }

  /** Reads a layer when it is first asked for. */
  LayerWeights layer(int layer) {
    if (layer < residentLayers) {
      return resident.computeIfAbsent(layer, i -> open(i, true));
    }
    return open(layer, false);
  }

  private LayerWeights open(int layer, boolean stays) {
    return new LayerWeights(
        checkpoint::read,
        MemoryForecast.groupTensors(decoder, layer),
        manager.newSubManager(),
        stays);
  }

  /** Lets as much stay as the budget has room for beside a pass; the rest leaves. */
  void makeRoom(MemoryForecast pass) {
    int layers = decoder.config().layers().size();
    residentLayers = Math.min(layers, pass.residentLayers(budget, processBytes));
    readsAhead = pass.readsAhead(budget, processBytes);
    spillsStreams = pass.spillsStreams(budget, processBytes);
    keepsHead = pass.keepsHead(budget, processBytes);
    for (int layer = residentLayers; layer < layers; layer++) {
      LayerWeights leaving = resident.remove(layer);
      if (leaving != null) {
        leaving.free();
      }
    }
  }

  /** Refuses a pass with which the budget cannot be kept, whatever leaves. */
  void requireBudget(MemoryForecast pass) {
    pass.shortfall(budget, checkpoint.path().toString())
        .ifPresent(
            shortfall -> {
              throw new IllegalArgumentException(
                  shortfall
                      + "; open the model with a budget of "
                      + pass.smallestBudgetInWords()
                      + " or more");
            });
  }

  int residentLayers() {
    return residentLayers;
  }

  boolean readsAhead() {
    return readsAhead;
  }

  boolean spillsStreams() {
    return spillsStreams;
  }

  boolean keepsHead() {
    return keepsHead;
  }

  void forget() {
    free();
    resident.clear();
    NativeHeap.trim();
  }

  void free() {
    resident.values().forEach(LayerWeights::free);
  }
}
