package org.minillm.core.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;

/**
 * The weights of one layer as long as somebody works on it: every tensor is read at most once, when
 * it is first asked for. Closing frees them, unless the layer stays resident.
 */
public final class LayerWeights implements WeightSource, AutoCloseable {

  private final WeightSource source;
  private final NDManager manager;
  private final boolean resident;
  private final Map<String, NDArray> loaded = new HashMap<>();
  private boolean read;

  LayerWeights(WeightSource source, NDManager manager, boolean resident) {
    this.source = source;
    this.manager = manager;
    this.resident = resident;
  }

  /**
   * {@inheritDoc}
   *
   * <p>The array belongs to these weights, not to {@code owner}.
   */
  @Override
  public NDArray read(String tensor, NDManager owner) throws IOException {
    NDArray array = loaded.get(tensor);
    if (array == null) {
      // a scope that somebody has open closes what is made in it, and this is to stay
      try (NDScope scope = new NDScope()) {
        scope.suppressNotUsedWarning();
        array = source.read(tensor, manager);
        NDScope.unregister(array);
      }
      loaded.put(tensor, array);
      read = true;
    }
    return array;
  }

  /**
   * Frees the native memory of a layer that does not stay resident. Where weights were put down
   * between temporary arrays, to stay or to go, the heap has holes that nothing fits: it is
   * trimmed. Where nothing was read it is left as it is, since pages that are given back cost the
   * next layer a third of its time.
   */
  @Override
  public void close() {
    if (!resident) {
      free();
    }
    if (read) {
      NativeHeap.trim();
      read = false;
    }
  }

  void free() {
    loaded.clear();
    manager.close();
  }
}
