package org.minillm.core.model;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.Lists;
import java.io.IOException;
import java.util.List;
import java.util.function.BinaryOperator;
import org.jspecify.annotations.Nullable;
import org.minillm.core.journal.ArraySource;

/**
 * The residual streams of the dense and of the pruned model over the same windows, in micro-batches
 * and layer by layer. Until the first layer in which they differ there is one stream for both. The
 * noise that the pruned one is given is a third.
 *
 * <p>Owns all: windows x length x hidden_size x 4 bytes each, in memory or in a scratch file.
 */
public final class TwinStreams implements AutoCloseable {

  /**
   * What a layer and who watches it make comes and goes in many sizes, and the heap of the C
   * library grows by the pieces: on SmolLM2-135M by 110 MB in 16 micro-batches.
   */
  private static final int BATCHES_BETWEEN_TRIMS = 4;

  /** The dense one, the pruned one, the noise. */
  private static final int MOST_STREAMS = 3;

  private final CausalLm model;
  private final NDManager manager;
  private final Positions positions;
  private ResidualStream dense;
  private ResidualStream pruned;
  private boolean diverged;
  private @Nullable ResidualStream noise;

  /**
   * Embeds the windows.
   *
   * @param model the dense model
   * @param windows token ids, all of the same length
   * @throws IOException if the embedding cannot be read
   */
  public TwinStreams(CausalLm model, List<int[]> windows) throws IOException {
    requireNonNull(model, "model");
    requireNonNull(windows, "windows");
    this.model = model;
    this.manager = model.newManager();
    int length = windows.get(0).length;
    TokenLayout layout = TokenLayout.following(0, length);
    this.positions = model.decoder().positions(layout, manager);
    this.dense = ResidualStream.of(model, windows, Sweep.rowsPerBatch(length), layout);
    this.pruned = dense;
  }

  /** Watches the micro-batches of a stream. */
  @FunctionalInterface
  public interface Taps {

    /**
     * Returns who watches a micro-batch.
     *
     * @param batch its number
     * @param scratch for what is needed as long as the micro-batch runs
     * @return the tap
     * @throws IOException if a scratch file cannot be read
     */
    InputTap of(int batch, NDManager scratch) throws IOException;
  }

  /**
   * Returns the dense stream.
   *
   * @return where it stands; owned by this
   */
  public ResidualStream dense() {
    return dense;
  }

  /**
   * Begins another stream over the same windows, which lives beside these.
   *
   * @return without a micro-batch; to be closed
   * @throws IOException if it waits in a scratch file that cannot be made
   */
  public ResidualStream newStream() throws IOException {
    return ResidualStream.of(model);
  }

  /**
   * Tells whether the streams are two.
   *
   * @return true after the first layer in which the models differ
   */
  public boolean diverged() {
    return diverged;
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
    try (OpenLayer open = new OpenLayer(model, layer, weights, WeightTransform.NONE, manager)) {
      if (dense == pruned) {
        dense = newStream();
        through(pruned, open, (batch, any) -> tap, (batch, after) -> dense.add(after));
      } else {
        through(dense, open, (batch, any) -> tap, dense::set);
      }
    }
  }

  /** What becomes of a micro-batch that has passed a layer. */
  private interface Passed {
    void accept(int batch, NDArray after) throws IOException;
  }

  private void through(ArraySource stream, OpenLayer open, Taps taps, Passed passed)
      throws IOException {
    ResidualStream.forEach(
        stream,
        manager,
        (batch, before, scratch) -> {
          passed.accept(
              batch, open.forward(before, positions, AttentionCache.NONE, taps.of(batch, scratch)));
          if (batch % BATCHES_BETWEEN_TRIMS == BATCHES_BETWEEN_TRIMS - 1) {
            NativeHeap.trim();
          }
        });
    NativeHeap.trim();
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
  public void showPruned(int layer, WeightSource weights, WeightTransform transform, Taps taps)
      throws IOException {
    try (OpenLayer open = new OpenLayer(model, layer, weights, transform, manager)) {
      through(pruned, open, taps, (batch, after) -> after.close());
    }
  }

  /**
   * Lets the pruned stream, without the noise that it has had, pass a dense layer.
   *
   * @param layer the layer that it stands before
   * @param weights of the layer
   * @param taps watches each micro-batch, by number
   * @throws IOException if the layer cannot be read
   */
  public void showPrunedWithoutNoise(int layer, WeightSource weights, Taps taps)
      throws IOException {
    try (OpenLayer open = new OpenLayer(model, layer, weights, WeightTransform.NONE, manager)) {
      through(withoutNoise(), open, taps, (batch, after) -> after.close());
    }
  }

  private ArraySource withoutNoise() {
    return noise == null ? pruned : combined(pruned, NDArray::sub, noise);
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
      try (OpenLayer open = new OpenLayer(model, layer, weights, transform, manager)) {
        through(pruned, open, (batch, any) -> InputTap.NONE, pruned::set);
      }
    } else {
      pruned.close();
      pruned = dense;
    }
  }

  /**
   * Says what the pruned stream is to come to.
   *
   * @param dense micro-batches of the dense model's stream
   * @return these, with the noise that the pruned stream has had
   */
  public ArraySource withNoise(ArraySource dense) {
    return noise == null ? dense : combined(dense, NDArray::add, noise);
  }

  private static ArraySource combined(
      ArraySource left, BinaryOperator<NDArray> operation, ArraySource right) {
    return new ArraySource() {
      @Override
      public ImmutableList<Shape> shapes() {
        return left.shapes();
      }

      @Override
      public NDArray read(int batch, NDManager owner) throws IOException {
        NDArray result = operation.apply(left.read(batch, owner), right.read(batch, owner));
        result.attach(owner);
        return result;
      }
    };
  }

  /**
   * Adds noise to the pruned stream after a layer: to each window what another one misses of the
   * dense stream, with a random sign.
   *
   * @param layer which was passed last; it decides the signs
   * @param scale factor of what is added
   * @throws IOException if a scratch file cannot be read or written
   */
  public void disturbPruned(int layer, double scale) throws IOException {
    if (noise == null) {
      noise = newStream();
      for (Shape shape : pruned.shapes()) {
        noise.add(manager.zeros(shape));
      }
    }
    try (NDManager owner = newManager()) {
      new NeighbourErrors(dense, pruned, noise).add("layer " + layer, scale, owner);
    }
  }

  /**
   * Returns where the streams stand between two layers.
   *
   * @return the dense micro-batches, and after them the pruned ones once the streams are two, and
   *     the noise where there is any; owned by this, gone after the next layer
   */
  public ArraySource arrays() {
    if (noise != null) {
      return ArraySource.concat(List.of(dense, pruned, noise));
    }
    return diverged ? ArraySource.concat(List.of(dense, pruned)) : dense;
  }

  /**
   * Tells whether streams over the same windows may have stood somewhere.
   *
   * @param arrays as of {@link #arrays}
   * @return whether {@link #resume} can go on there
   */
  public boolean fits(ArraySource arrays) {
    ImmutableList<Shape> shapes = arrays.shapes();
    ImmutableList<Shape> one = dense.shapes();
    return !shapes.isEmpty()
        && shapes.size() % one.size() == 0
        && shapes.size() / one.size() <= MOST_STREAMS
        && Lists.partition(shapes, one.size()).stream().allMatch(one::equals);
  }

  /**
   * Goes on where streams over the same windows stood.
   *
   * @param arrays as of {@link #arrays}, which {@linkplain #fits fit}
   * @throws IOException if they cannot be read
   */
  public void resume(ArraySource arrays) throws IOException {
    int batches = dense.shapes().size();
    diverged = arrays.shapes().size() > batches;
    dense.resume(arrays, 0, batches);
    if (diverged) {
      pruned = newStream();
      pruned.resume(arrays, batches, batches);
    }
    if (arrays.shapes().size() > 2 * batches) {
      noise = newStream();
      noise.resume(arrays, 2 * batches, batches);
    }
  }

  /** Frees the streams. */
  @Override
  public void close() {
    dense.close();
    pruned.close();
    if (noise != null) {
      noise.close();
    }
    manager.close();
  }
}
