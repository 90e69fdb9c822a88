package org.minillm.core.model;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.Lists;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.minillm.core.journal.ArraySource;
import org.minillm.core.journal.Findings;
import org.minillm.core.journal.Journal;
import org.minillm.core.journal.PassState;
import org.minillm.core.tensor.NotFiniteException;

/**
 * One walk through the decoder, a block at a time: each block is opened once and every strand goes
 * through it before the next block is opened. Whether the blocks come from memory or from the file
 * makes no difference to the result.
 *
 * <pre>{@code
 * try (Sweep sweep = new Sweep(model)) {
 *   Strand strand = sweep.add(windows, WeightTransform.NONE, InputTap.NONE);
 *   sweep.run(layer -> {});
 *   losses = sweep.windowNegativeLogLikelihoods(List.of(strand)).get(0);
 * }
 * }</pre>
 *
 * Owns the hidden states of its strands: windows x length x hidden_size x 4 bytes each, in memory
 * or in a scratch file.
 */
public final class Sweep implements AutoCloseable {

  /**
   * Tokens that go through a block together. Fewer lose speed to the cost of single operations,
   * more only take memory.
   */
  public static final int TOKENS_PER_BATCH = 1024;

  /** Hidden states that one sweep holds; more text takes several sweeps. */
  private static final long HIDDEN_BYTES = 64L << 20;

  /**
   * What is made of a layer's weights comes and goes, and would stay with the process; but what is
   * given back, the next layer has to take anew.
   */
  private static final int LAYERS_BETWEEN_TRIMS = 4;

  private final CausalLm model;
  private final NDManager manager;
  private final List<Strand> strands = new ArrayList<>();
  private final Map<Integer, Positions> positions = new HashMap<>();
  private int layersDone;

  /**
   * Begins a walk.
   *
   * @param model the model; used by one sweep at a time
   */
  public Sweep(CausalLm model) {
    requireNonNull(model, "model");
    this.model = model;
    this.manager = model.newManager();
  }

  /**
   * Tells how much text one sweep should carry, so that its hidden states stay small.
   *
   * @param model the model
   * @return tokens, at least 1
   */
  public static long tokensPerSweep(CausalLm model) {
    requireNonNull(model, "model");
    return Math.max(1, HIDDEN_BYTES / Float.BYTES / model.config().hiddenSize());
  }

  /** Windows of some length that go through a block together. */
  static int rowsPerBatch(int length) {
    return Math.max(1, TOKENS_PER_BATCH / length);
  }

  /** Told when all strands have passed a layer. */
  @FunctionalInterface
  public interface LayerListener {

    /**
     * A layer is done.
     *
     * @param layer from 0
     * @throws IOException if what is done with it fails
     */
    void layerDone(int layer) throws IOException;
  }

  /** Works with a layer's weights when all strands have passed it. */
  @FunctionalInterface
  public interface LayerVisitor {

    /**
     * A layer is done.
     *
     * @param layer from 0
     * @param weights of the layer, still in memory
     * @throws IOException if the file cannot be read
     */
    void visit(int layer, WeightSource weights) throws IOException;
  }

  /**
   * Adds windows to the walk and embeds them.
   *
   * @param windows token ids, all of the same length
   * @param transform changes the weights of the blocks for this strand only
   * @param tap watches the inputs of this strand
   * @return the strand
   * @throws IOException if the embedding cannot be read
   * @throws IllegalArgumentException if an id is not in the vocabulary
   */
  public Strand add(List<int[]> windows, WeightTransform transform, InputTap tap)
      throws IOException {
    int length = requireOneLength(windows);
    TokenLayout layout = TokenLayout.following(0, length);
    Positions tables =
        positions.computeIfAbsent(length, n -> model.decoder().positions(layout, manager));
    int rows = rowsPerBatch(length);
    return add(
        new Strand(
            windows,
            transform,
            tap,
            tables,
            rows,
            ResidualStream.of(model, windows, rows, layout)));
  }

  /**
   * Adds rows in which continuations share a context, to go through the layers as one micro-batch.
   *
   * @param rows token ids, all of one length
   * @param layout where they stand and what they see, a row for each row
   * @return the strand, of one batch of hidden states
   * @throws IOException if the embedding cannot be read
   * @throws IllegalArgumentException if an id is not in the vocabulary
   */
  public Strand addPacked(List<int[]> rows, TokenLayout layout) throws IOException {
    requireOneLength(rows);
    Positions tables = model.decoder().positions(layout, manager);
    int all = rows.size();
    return add(
        new Strand(
            rows,
            WeightTransform.NONE,
            InputTap.NONE,
            tables,
            all,
            ResidualStream.of(model, rows, all, layout)));
  }

  /**
   * Adds a strand that is the same as another before some layer and is computed from there on only.
   *
   * @param trunk a strand of this sweep that was {@link #add}ed
   * @param firstLayer the first layer whose weights may differ, of the model's layers
   * @param transform changes the weights of that layer and of those after it
   * @return the strand
   * @throws IOException if there is no room for a scratch file and one is needed
   */
  public Strand fork(Strand trunk, int firstLayer, WeightTransform transform) throws IOException {
    checkArgument(!trunk.isFork(), "a fork of a fork");
    checkArgument(
        firstLayer >= layersDone && firstLayer < model.config().layers().size(),
        "a fork at layer %s, expected %s to %s",
        firstLayer,
        layersDone,
        model.config().layers().size() - 1);
    return add(new Strand(trunk, firstLayer, transform, ResidualStream.of(model)));
  }

  private Strand add(Strand strand) {
    strands.add(strand);
    return strand;
  }

  private static int requireOneLength(List<int[]> windows) {
    checkArgument(!windows.isEmpty(), "no window to run");
    int length = windows.get(0).length;
    checkArgument(length > 0, "an empty window cannot be run");
    for (int[] window : windows) {
      checkArgument(
          window.length == length,
          "windows of %s and of %s tokens in one strand, expected equal lengths",
          length,
          window.length);
    }
    return length;
  }

  /**
   * Runs all strands through all layers.
   *
   * @param listener told after each layer
   * @throws IOException if a layer cannot be read
   */
  public void run(LayerListener listener) throws IOException {
    walk((layer, weights) -> listener.layerDone(layer), () -> {});
  }

  /**
   * Runs all strands through all layers, and remembers now and then where they stand.
   *
   * @param journal where the pass goes on if it was interrupted
   * @param pass its name there
   * @param listener told of every layer, also of those that an earlier run has passed
   * @throws IOException if a layer cannot be read or the journal cannot be written
   */
  public void run(Journal journal, String pass, PassListener listener) throws IOException {
    Optional<PassState> earlier = journal.resume(pass, this::fits, Findings.NONE);
    if (earlier.isPresent()) {
      resume(earlier.get());
      listener.stepsDone(layersDone);
    }
    run(
        (LayerListener)
            layer -> {
              listener.stepDone();
              journal.saveIfDue(pass, () -> PassState.passing(layersDone, streams()));
            });
  }

  /**
   * Returns where all strands stand.
   *
   * @return the residual stream after the last layer that is done, strand after strand, owned by
   *     the sweep, gone after the next layer
   */
  public ArraySource streams() {
    return ArraySource.concat(strands.stream().map(Strand::stream).toList());
  }

  /**
   * Tells whether a sweep with the same strands may have stood somewhere.
   *
   * @param state the layers that are done and the {@link #streams} after them
   * @return whether {@link #resume} can go on there
   */
  public boolean fits(PassState state) {
    ImmutableList<Shape> expected =
        begun(state.layers()).stream()
            .flatMap(strand -> strand.shapes().stream())
            .collect(ImmutableList.toImmutableList());
    return state.layers() <= model.config().layers().size()
        && state.streams().shapes().equals(expected);
  }

  private List<Strand> begun(int layers) {
    return strands.stream().filter(strand -> strand.hasBegun(layers)).toList();
  }

  /**
   * Goes on where a sweep with the same strands stood.
   *
   * @param state the layers that are done and the {@link #streams} after them
   * @throws IOException if the streams cannot be read
   * @throws IllegalArgumentException if it does not {@linkplain #fits fit}
   */
  public void resume(PassState state) throws IOException {
    checkArgument(fits(state), "%s layers and their streams, of another pass", state.layers());
    int first = 0;
    for (Strand strand : begun(state.layers())) {
      strand.stream().resume(state.streams(), first, strand.shapes().size());
      first += strand.shapes().size();
    }
    layersDone = state.layers();
  }

  /**
   * Runs all strands through all layers.
   *
   * @param visitor shown each layer when it is done
   * @throws IOException if a layer cannot be read
   */
  public void run(LayerVisitor visitor) throws IOException {
    walk(
        visitor,
        () -> {
          if (layersDone % LAYERS_BETWEEN_TRIMS == 0) {
            NativeHeap.trim();
          }
        });
  }

  private void walk(LayerVisitor visitor, Runnable afterLayer) throws IOException {
    int layers = model.config().layers().size();
    try (LayerWalk walk = model.walk(layersDone, layers)) {
      for (int layer = layersDone; layer < layers; layer++) {
        try (LayerWeights weights = walk.next()) {
          // forks stand after their trunk, and begin with what the trunk has not left yet
          for (Strand strand : Lists.reverse(strands)) {
            strand.pass(model, layer, weights, manager);
          }
          layersDone = layer + 1;
          visitor.visit(layer, weights);
        }
        afterLayer.run();
      }
    }
    // before the language head takes its part
    NativeHeap.trim();
  }

  /**
   * Scores every next token of strands that have passed all layers. The language head is read once,
   * and the hidden states of the strands are freed.
   *
   * @param scored some of this sweep's
   * @return for every strand, for every window the mean over its length - 1 predicted tokens of
   *     -log P, in nats
   * @throws IOException if the language head cannot be read, or a loss of the weights as they are
   *     stored is not finite because a weight is not
   * @throws NotFiniteException if such a loss is not finite although all weights are
   */
  public List<double[]> windowNegativeLogLikelihoods(List<Strand> scored) throws IOException {
    return new WindowLosses(model).of(scored);
  }

  /**
   * Returns what the language head reads, for a strand that has passed all layers.
   *
   * @param strand one of this sweep's
   * @return micro-batches of FLOAT32 (rows, time, width), owned by the sweep
   * @throws IOException if the last norm cannot be read
   */
  public List<NDArray> normed(Strand strand) throws IOException {
    List<NDArray> result = new ArrayList<>();
    strand.stream()
        .forEach(
            (batch, hidden, scratch) -> {
              try (NDScope scope = new NDScope()) {
                scope.suppressNotUsedWarning();
                NDArray normed = model.decoder().finalHidden(model.checkpoint()::read, hidden);
                NDScope.unregister(normed);
                normed.attach(manager);
                result.add(normed);
              }
            });
    return result;
  }

  /** Frees the hidden states, and gives back what the walk took. */
  @Override
  public void close() {
    strands.forEach(strand -> strand.stream().close());
    manager.close();
    NativeHeap.trim();
  }
}
