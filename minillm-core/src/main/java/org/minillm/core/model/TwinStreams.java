package org.minillm.core.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.Lists;
import com.google.common.collect.Streams;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/**
 * The residual streams of the dense and of the pruned model over the same windows, in micro-batches
 * and layer by layer. Until the first layer in which they differ there is one stream for both.
 *
 * <p>Owns both: windows x length x hidden_size x 4 bytes each.
 */
public final class TwinStreams implements AutoCloseable {

  private final CausalLm model;
  private final NDManager manager;
  private final Positions positions;
  private List<NDArray> dense = new ArrayList<>();
  private List<NDArray> pruned;
  private boolean diverged;

  /**
   * Embeds the windows.
   *
   * @param model the dense model
   * @param windows token ids, all of the same length
   * @throws IOException if the embedding cannot be read
   */
  public TwinStreams(CausalLm model, List<int[]> windows) throws IOException {
    this.model = model;
    this.manager = model.newManager();
    int length = windows.get(0).length;
    TokenLayout layout = TokenLayout.following(0, length);
    this.positions = model.decoder().positions(layout, manager);
    for (List<int[]> rows : Lists.partition(windows, Sweep.rowsPerBatch(length))) {
      dense.add(model.embed(rows, layout, manager));
    }
    this.pruned = dense;
  }

  /**
   * Makes a manager for what lives beside the streams.
   *
   * @return closed by the caller, or with the streams
   */
  public NDManager newManager() {
    return manager.newSubManager();
  }

  /**
   * Takes the dense stream through a layer. The pruned one stays before it.
   *
   * @param layer from 0
   * @param weights of the layer
   * @param tap watches
   * @throws IOException if the layer cannot be read
   */
  public void advanceDense(int layer, WeightSource weights, InputTap tap) throws IOException {
    boolean shared = dense == pruned;
    dense = forward(dense, layer, weights, WeightTransform.NONE, batch -> tap, shared);
  }

  /**
   * Lets the pruned stream pass a layer without moving it on.
   *
   * @param layer the layer that it stands before
   * @param weights of the layer
   * @param transform makes them the pruned model's
   * @param taps watches each micro-batch, by number
   * @throws IOException if the layer cannot be read
   */
  public void showPruned(
      int layer, WeightSource weights, WeightTransform transform, IntFunction<InputTap> taps)
      throws IOException {
    forward(pruned, layer, weights, transform, taps, true).forEach(NDArray::close);
  }

  /**
   * Takes the pruned stream through a layer after the dense one. As long as the streams are one and
   * the layer is whole, it follows for nothing.
   *
   * @param layer the layer that it stands before
   * @param weights of the layer
   * @param transform makes them the pruned model's
   * @throws IOException if the layer cannot be read
   */
  public void advancePruned(int layer, WeightSource weights, WeightTransform transform)
      throws IOException {
    diverged |= transform != WeightTransform.NONE;
    if (diverged) {
      pruned = forward(pruned, layer, weights, transform, batch -> InputTap.NONE, false);
    } else {
      pruned.forEach(NDArray::close);
      pruned = dense;
    }
  }

  /** Takes a stream through a layer; where it does not stay, each batch is freed behind it. */
  private List<NDArray> forward(
      List<NDArray> stream,
      int layer,
      WeightSource weights,
      WeightTransform transform,
      IntFunction<InputTap> taps,
      boolean stays)
      throws IOException {
    List<NDArray> after = new ArrayList<>();
    try (OpenLayer open = new OpenLayer(model, layer, weights, transform, manager)) {
      for (int i = 0; i < stream.size(); i++) {
        after.add(open.forward(stream.get(i), positions, AttentionCache.NONE, taps.apply(i)));
        if (!stays) {
          stream.get(i).close();
        }
      }
    }
    return after;
  }

  /**
   * Returns where the streams stand between two layers.
   *
   * @return the dense micro-batches, and after them the pruned ones once the streams are two; owned
   *     by this, gone after the next layer
   */
  public ImmutableList<NDArray> arrays() {
    return diverged
        ? Streams.concat(dense.stream(), pruned.stream()).collect(ImmutableList.toImmutableList())
        : ImmutableList.copyOf(dense);
  }

  /**
   * Goes on where streams over the same windows stood.
   *
   * @param arrays as of {@link #arrays}, owned by this from now on
   */
  public void resume(List<NDArray> arrays) {
    int batches = dense.size();
    dense.forEach(NDArray::close);
    arrays.forEach(array -> array.attach(manager));
    dense = List.copyOf(arrays.subList(0, batches));
    diverged = arrays.size() > batches;
    pruned = diverged ? List.copyOf(arrays.subList(batches, arrays.size())) : dense;
  }

  /** Frees the streams. */
  @Override
  public void close() {
    manager.close();
  }
}
