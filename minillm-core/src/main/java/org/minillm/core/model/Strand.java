package org.minillm.core.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Windows that go through the same weights in a {@link Sweep}, which owns their hidden states. */
public final class Strand {
  private final List<int[]> windows;
  private final WeightTransform transform;
  private final InputTap tap;
  private final Positions positions;
  private final int rowsPerBatch;
  private final ResidualStream stream;
  private final @Nullable Strand trunk;
  private final int firstLayer;

  Strand(
      List<int[]> windows,
      WeightTransform transform,
      InputTap tap,
      Positions positions,
      int rowsPerBatch,
      ResidualStream stream) {
    this.windows = windows;
    this.transform = transform;
    this.tap = tap;
    this.positions = positions;
    this.rowsPerBatch = rowsPerBatch;
    this.stream = stream;
    this.trunk = null;
    this.firstLayer = 0;
  }

  /** A fork: its stream has no micro-batch before its first layer. */
  Strand(Strand trunk, int firstLayer, WeightTransform transform, ResidualStream stream) {
    this.windows = trunk.windows;
    this.transform = transform;
    this.tap = InputTap.NONE;
    this.positions = trunk.positions;
    this.rowsPerBatch = trunk.rowsPerBatch;
    this.stream = stream;
    this.trunk = trunk;
    this.firstLayer = firstLayer;
  }

  boolean readsStoredWeights() {
    return transform == WeightTransform.NONE;
  }

  boolean isFork() {
    return trunk != null;
  }

  /** Tells whether there is a stream after so many layers; a fork begins at its first. */
  boolean hasBegun(int layers) {
    return trunk == null || firstLayer < layers;
  }

  /** Goes through a layer, where it has begun or begins there. */
  void pass(CausalLm model, int layer, WeightSource weights, NDManager owner) throws IOException {
    if (layer < firstLayer) {
      return;
    }
    if (trunk != null && layer == firstLayer) {
      // where the trunk stands
      trunk.stream.forEach((batch, hidden, scratch) -> stream.add(hidden.duplicate()));
    }
    try (OpenLayer open = new OpenLayer(model, layer, weights, transform, owner)) {
      stream.forEach(
          (batch, before, scratch) ->
              stream.set(batch, open.forward(before, positions, AttentionCache.NONE, tap)));
    }
  }

  /**
   * Returns the residual stream after the last layer that is done.
   *
   * @return micro-batches of FLOAT32 (rows, time, hidden_size), owned by the sweep, gone after the
   *     next layer; of a fork none before its first layer
   * @throws IOException if it waits in a scratch file that cannot be read
   */
  public List<NDArray> hidden() throws IOException {
    return stream.all();
  }

  /** Those of the stream, also of a fork that has not begun. */
  ImmutableList<Shape> shapes() {
    return (trunk == null ? this : trunk).stream.shapes();
  }

  int length() {
    return windows.get(0).length;
  }

  List<int[]> windows() {
    return windows;
  }

  int rowsPerBatch() {
    return rowsPerBatch;
  }

  ResidualStream stream() {
    return stream;
  }
}
