package org.minillm.core.model;

import static com.google.common.base.Preconditions.checkArgument;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One walk through the decoder with contexts that several continuations share. Every context goes
 * through a layer once; its keys and values of that layer are handed to its continuations and freed
 * before the next context, so that the memory is that of one layer of one batch.
 *
 * <p>Owns the hidden states of all that was added: close it.
 */
public final class ContextSweep implements AutoCloseable {

  private final CausalLm model;
  private final NDManager manager;
  private final List<Batch> batches = new ArrayList<>();

  /**
   * Begins a walk.
   *
   * @param model the model; used by one sweep at a time
   */
  public ContextSweep(CausalLm model) {
    this.model = model;
    this.manager = model.newManager();
  }

  /**
   * Continuations of one batch's contexts, padded on the right to one length.
   *
   * @param contexts the number of the context of each, in the batch
   * @param rows token ids, all of one length
   */
  public record Branches(ImmutableIntArray contexts, List<int[]> rows) {}

  /** Contexts of one length, and what continues them. */
  public static final class Batch {
    private final int length;
    private final ImmutableList<Branches> branches;
    private final List<NDArray> hidden = new ArrayList<>();

    private Batch(int length, ImmutableList<Branches> branches) {
      this.length = length;
      this.branches = branches;
    }

    /**
     * Returns the residual stream of the contexts.
     *
     * @return FLOAT32, (contexts, time, hidden_size), owned by the sweep
     */
    public NDArray contexts() {
      return hidden.get(0);
    }

    /**
     * Returns the residual stream of some of the continuations.
     *
     * @param number from 0, as they were added
     * @return FLOAT32, (rows, time, hidden_size), owned by the sweep
     */
    public NDArray branches(int number) {
      return hidden.get(1 + number);
    }
  }

  /**
   * Adds contexts and what continues them.
   *
   * @param contexts token ids, all of one length, at least one
   * @param branches what follows them; may be none
   * @return the batch
   * @throws IOException if the embedding cannot be read
   * @throws IllegalArgumentException if an id is not in the vocabulary
   */
  public Batch add(List<int[]> contexts, List<Branches> branches) throws IOException {
    checkArgument(!contexts.isEmpty(), "no context to run");
    int length = contexts.get(0).length;
    Batch batch = new Batch(length, ImmutableList.copyOf(branches));
    batch.hidden.add(embed(contexts, 0));
    for (Branches branch : branches) {
      batch.hidden.add(embed(branch.rows(), length));
    }
    batches.add(batch);
    return batch;
  }

  private NDArray embed(List<int[]> rows, int offset) throws IOException {
    for (int[] row : rows) {
      checkArgument(
          row.length > 0 && row.length == rows.get(0).length,
          "rows of %s and of %s tokens, expected one length, at least 1",
          rows.get(0).length,
          row.length);
    }
    return model.embed(rows, offset, manager);
  }

  /**
   * Runs all batches through all layers.
   *
   * @throws IOException if a layer cannot be read
   */
  public void run() throws IOException {
    for (int layer = 0; layer < model.config().layers().size(); layer++) {
      try (LayerWeights weights = model.layer(layer);
          OpenLayer open = new OpenLayer(model, layer, weights, WeightTransform.NONE, manager)) {
        for (Batch batch : batches) {
          runLayer(batch, open);
        }
      }
    }
  }

  private void runLayer(Batch batch, OpenLayer open) throws IOException {
    try (NDManager scratch = manager.newSubManager()) {
      ContextKeys keys = new ContextKeys();
      forward(batch, 0, open, 0, keys, scratch);
      for (int i = 0; i < batch.branches.size(); i++) {
        long[] contexts = batch.branches.get(i).contexts().stream().asLongStream().toArray();
        NDArray rows = scratch.create(contexts, new Shape(contexts.length));
        forward(batch, 1 + i, open, batch.length, keys.of(rows), scratch);
      }
      keys.free();
    }
  }

  private void forward(
      Batch batch,
      int number,
      OpenLayer open,
      int offset,
      AttentionCache cache,
      NDManager scratch) {
    NDArray before = batch.hidden.get(number);
    int time = Math.toIntExact(before.getShape().get(1));
    Positions positions = model.decoder().positions(offset, time, scratch);
    batch.hidden.set(number, open.forward(before, positions, cache, InputTap.NONE));
    before.close();
  }

  /** Keeps the keys and values of the contexts in one layer, beyond the scope that made them. */
  private static final class ContextKeys implements AttentionCache {
    private @Nullable NDList kept;

    @Override
    public NDList append(NDArray keys, NDArray values) {
      kept = new NDList(keys, values);
      NDScope.unregister(kept);
      return new NDList(keys, values);
    }

    /** The cache of continuations, each of which follows one of the contexts. */
    AttentionCache of(NDArray contexts) {
      NDList before = kept;
      checkArgument(before != null, "the block has not shown its keys and values");
      return (keys, values) ->
          new NDList(
              before.get(0).get(contexts).concat(keys, 2),
              before.get(1).get(contexts).concat(values, 2));
    }

    void free() {
      if (kept != null) {
        kept.close();
      }
    }
  }

  /** Frees the hidden states. */
  @Override
  public void close() {
    manager.close();
  }
}
