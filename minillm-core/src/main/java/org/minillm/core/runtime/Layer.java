package org.minillm.core.runtime;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.io.IOException;
import org.minillm.core.architecture.AttentionCache;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.Positions;
import org.minillm.core.architecture.WeightSource;
import org.minillm.core.architecture.WeightTransform;

/**
 * A layer that a {@link Pass} is at, with its weights in memory: what can be done there. This is
 * the one place where micro-batches go through a block.
 */
public final class Layer {

  /**
   * What a layer and who observes it make comes and goes in many sizes, and the heap of the C
   * library grows by the pieces: on SmolLM2-135M by 110 MB in 16 micro-batches.
   */
  private static final int BATCHES_BETWEEN_TRIMS = 4;

  private final CausalLm model;
  private final int index;
  private final LayerWeights weights;
  private final PositionTables tables;
  private final NDManager owner;
  private boolean observed;

  Layer(CausalLm model, int index, LayerWeights weights, PositionTables tables, NDManager owner) {
    this.model = model;
    this.index = index;
    this.weights = weights;
    this.tables = tables;
    this.owner = owner;
  }

  /**
   * Returns the number of the layer.
   *
   * @return from 0
   */
  public int index() {
    return index;
  }

  /**
   * Returns the weights as they are stored.
   *
   * @return in memory until the layer is done
   */
  public WeightSource weights() {
    return weights;
  }

  /**
   * Returns where arrays hang that are needed until the layer is done.
   *
   * @return closed then
   */
  public NDManager owner() {
    return owner;
  }

  /**
   * Takes a stream through the layer, and with it all that are one with it.
   *
   * @param stream that stands before the layer
   * @param transform changes the weights for it
   * @param tap watches, or changes what is read
   * @throws IOException if the layer or a scratch file cannot be read
   */
  public void advance(ResidualStream stream, WeightTransform transform, BlockTap tap)
      throws IOException {
    requireNonNull(stream, "stream");
    requireNonNull(transform, "transform");
    requireNonNull(tap, "tap");
    boolean trims = observed || tap != BlockTap.NONE;
    try (OpenLayer open = open(transform)) {
      Positions positions = tables.of(stream.layout());
      stream.move(
          (batch, before, scratch) -> {
            NDArray after = open.forward(before, positions, AttentionCache.NONE, tap);
            if (trims) {
              trimAfter(batch);
            }
            return after;
          });
    }
    if (trims) {
      NativeHeap.trim();
    }
  }

  /**
   * Takes a stream through the layer and observes it meanwhile.
   *
   * @param stream that stands before the layer
   * @param transform changes the weights for it
   * @param observer says what is summed
   * @param <S> the sums
   * @return the sums over all micro-batches, on {@link #owner}
   * @throws IOException if the layer or a scratch file cannot be read
   */
  public <S extends Sums<S>> S advance(
      ResidualStream stream, WeightTransform transform, Observer<S> observer) throws IOException {
    requireNonNull(stream, "stream");
    requireNonNull(transform, "transform");
    requireNonNull(observer, "observer");
    observed = true;
    S sums = observer.begin(owner);
    try (OpenLayer open = open(transform)) {
      Positions positions = tables.of(stream.layout());
      stream.move(
          (batch, before, scratch) ->
              open.forward(
                  before, positions, AttentionCache.NONE, observer.watch(sums, batch, scratch)));
    }
    return sums;
  }

  /**
   * Observes what the layer makes of hidden states. Nothing moves.
   *
   * @param states what the layer reads
   * @param transform changes the weights for them
   * @param observer says what is summed
   * @param <S> the sums
   * @return the sums over all micro-batches, on {@link #owner}
   * @throws IOException if the layer or a scratch file cannot be read
   */
  public <S extends Sums<S>> S observe(
      HiddenStates states, WeightTransform transform, Observer<S> observer) throws IOException {
    requireNonNull(states, "states");
    requireNonNull(transform, "transform");
    requireNonNull(observer, "observer");
    observed = true;
    S sums = observer.begin(owner);
    try (OpenLayer open = open(transform)) {
      Positions positions = tables.of(states.layout());
      MicroBatches.forEach(
          states,
          owner,
          (batch, before, scratch) -> {
            BlockTap tap = observer.watch(sums, batch, scratch);
            open.forward(before, positions, AttentionCache.NONE, tap).close();
            trimAfter(batch);
          });
    }
    NativeHeap.trim();
    return sums;
  }

  private static void trimAfter(int batch) {
    if (batch % BATCHES_BETWEEN_TRIMS == BATCHES_BETWEEN_TRIMS - 1) {
      NativeHeap.trim();
    }
  }

  /** Tells whether something was summed: then the heap has grown by more than the layer. */
  boolean isObserved() {
    return observed;
  }

  private OpenLayer open(WeightTransform transform) throws IOException {
    return new OpenLayer(model, index, weights, transform, owner);
  }
}
