package org.minillm.core.runtime;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import com.google.common.collect.ImmutableSet;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.WeightSource;

/**
 * The weights of one layer as long as somebody works on it: every tensor is read at most once, when
 * it is first asked for or ahead of that. Closing frees them, unless the layer stays resident.
 */
public final class LayerWeights implements WeightSource, AutoCloseable {

  private final WeightSource source;
  private final ImmutableSet<String> matrices;
  private final NDManager manager;
  private final boolean resident;
  private final Map<String, NDArray> loaded = new HashMap<>();
  private boolean read;
  private @Nullable ReadAhead ahead;

  /**
   * Opens a layer; nothing is read yet.
   *
   * @param source where its tensors come from
   * @param matrices the tensors that are worth reading ahead
   * @param manager where they hang; closed by this
   * @param resident whether they stay in memory
   */
  LayerWeights(
      WeightSource source, ImmutableSet<String> matrices, NDManager manager, boolean resident) {
    this.source = source;
    this.matrices = matrices;
    this.manager = manager;
    this.resident = resident;
  }

  /** Begins to read, on another thread, what is not in memory yet. */
  void readAhead() {
    if (ahead == null && !loaded.keySet().containsAll(matrices)) {
      // until it has ended, only that thread touches what is loaded
      ahead = ReadAhead.start(matrices, this::load);
    }
  }

  /**
   * {@inheritDoc}
   *
   * <p>The array belongs to these weights, not to {@code owner}.
   */
  @Override
  public NDArray read(String tensor, NDManager owner) throws IOException {
    if (ahead != null) {
      ReadAhead ended = ahead;
      ahead = null;
      ended.await();
    }
    return load(tensor);
  }

  private NDArray load(String tensor) throws IOException {
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
    stopReading();
    if (!resident) {
      free();
    }
    if (read) {
      NativeHeap.trim();
      read = false;
    }
  }

  private void stopReading() {
    if (ahead != null) {
      ahead.stop();
      ahead = null;
    }
  }

  void free() {
    stopReading();
    loaded.clear();
    manager.close();
  }
}
