package org.minillm.core.runtime;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;
import static com.google.common.collect.ImmutableList.toImmutableList;
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
import org.minillm.core.architecture.TokenLayout;
import org.minillm.core.journal.ArraySource;

/**
 * The residual stream of windows on their way through the layers, which a {@link Pass} takes it
 * through. Two streams over the same windows are one until they {@linkplain #part part}: what is
 * the same is computed once and kept once.
 *
 * <p>Owns its hidden states, windows x length x hidden_size x 4 bytes, in memory or in a scratch
 * file, from the moment that it is embedded.
 */
public final class ResidualStream implements HiddenStates, AutoCloseable {

  /**
   * Tokens that go through a block together. Fewer lose speed to the cost of single operations,
   * more only take memory.
   */
  public static final int TOKENS_PER_BATCH = 1024;

  private final CausalLm model;
  private final List<int[]> windows;
  private final TokenLayout layout;
  private final int rowsPerBatch;
  private final boolean embeds;
  private Place place = new Place();

  /** Where streams that are one stand. */
  private static final class Place {
    private @Nullable MicroBatches batches;
    private int streams = 1;
  }

  private ResidualStream(
      CausalLm model, List<int[]> windows, TokenLayout layout, int rowsPerBatch, boolean embeds) {
    this.model = model;
    this.windows = windows;
    this.layout = layout;
    this.rowsPerBatch = rowsPerBatch;
    this.embeds = embeds;
  }

  /**
   * Begins a stream of windows. They are embedded when a pass begins.
   *
   * @param model the model
   * @param windows token ids, all of the same length
   * @return the stream, in micro-batches of about {@link #TOKENS_PER_BATCH} tokens
   */
  public static ResidualStream of(CausalLm model, List<int[]> windows) {
    requireNonNull(model, "model");
    requireNonNull(windows, "windows");
    int length = requireOneLength(windows);
    return new ResidualStream(
        model, windows, TokenLayout.following(0, length), rowsPerBatch(length), true);
  }

  /**
   * Begins a stream of rows in which continuations share a context, in one micro-batch.
   *
   * @param model the model
   * @param rows token ids, all of one length
   * @param layout where they stand and what they see, a row for each row
   * @return the stream
   */
  public static ResidualStream packed(CausalLm model, List<int[]> rows, TokenLayout layout) {
    requireNonNull(model, "model");
    requireNonNull(rows, "rows");
    requireNonNull(layout, "layout");
    requireOneLength(rows);
    return new ResidualStream(model, rows, layout, rows.size(), true);
  }

  private static int requireOneLength(List<int[]> windows) {
    checkArgument(!windows.isEmpty(), "no window to run");
    int length = windows.get(0).length;
    checkArgument(length > 0, "an empty window cannot be run");
    for (int[] window : windows) {
      checkArgument(
          window.length == length,
          "windows of %s and of %s tokens in one stream, expected equal lengths",
          length,
          window.length);
    }
    return length;
  }

  /**
   * Tells how many windows go through a block together.
   *
   * @param length tokens of each
   * @return at least 1
   */
  static int rowsPerBatch(int length) {
    return Math.max(1, TOKENS_PER_BATCH / length);
  }

  /**
   * Begins another stream of the same windows, which is one with this.
   *
   * @return the stream; moves with this until one of them {@linkplain #part parts}
   */
  public ResidualStream twin() {
    ResidualStream twin = new ResidualStream(model, windows, layout, rowsPerBatch, embeds);
    twin.place = place;
    place.streams++;
    return twin;
  }

  /**
   * Begins a stream of other numbers for the same tokens, without a micro-batch.
   *
   * @return to which they are {@linkplain #add added}
   */
  public ResidualStream beside() {
    return new ResidualStream(model, windows, layout, rowsPerBatch, false);
  }

  /** Goes its own way from here on: this stream and those that were one with it are two. */
  public void part() {
    if (place.streams > 1) {
      place.streams--;
      Place own = new Place();
      own.batches = place.batches == null ? null : place.batches.shared();
      place = own;
    }
  }

  /**
   * Tells whether two streams are the same.
   *
   * @param other a stream
   * @return true until one of them parts
   */
  public boolean isOneWith(ResidualStream other) {
    return place == other.place;
  }

  /**
   * Tells whether there is a micro-batch.
   *
   * @return true where the windows are embedded, or something was added
   */
  public boolean hasBegun() {
    return place.batches != null;
  }

  /** Embeds the windows, unless they are or other numbers are to be added. */
  void embed() throws IOException {
    if (hasBegun() || !embeds) {
      return;
    }
    MicroBatches embedded = MicroBatches.of(model);
    try (NDManager owner = model.newManager()) {
      for (List<int[]> rows : Lists.partition(windows, rowsPerBatch)) {
        embedded.add(model.embed(rows, layout, owner));
      }
      place.batches = embedded;
    } catch (IOException | RuntimeException e) {
      embedded.close();
      throw e;
    }
  }

  /**
   * Adds a micro-batch.
   *
   * @param hidden FLOAT32, contiguous; this stream's from now on
   * @throws IOException if it is to wait in a scratch file and the disk is full
   */
  public void add(NDArray hidden) throws IOException {
    if (place.batches == null) {
      place.batches = MicroBatches.of(model);
    }
    place.batches.add(hidden);
  }

  /**
   * Puts a micro-batch in the place of another, which is gone.
   *
   * @param batch its number
   * @param hidden FLOAT32, of the same shape, contiguous; this stream's from now on
   * @throws IOException if it is to wait in a scratch file and the disk is full
   */
  public void set(int batch, NDArray hidden) throws IOException {
    MicroBatches own = batches();
    checkState(!own.isShared(), "another stream still stands here");
    own.set(batch, hidden);
  }

  /** Computes one micro-batch after another. */
  @FunctionalInterface
  interface Step {
    NDArray apply(int batch, NDArray hidden, NDManager scratch) throws IOException;
  }

  /** Puts what a step makes of each micro-batch in its place; all streams that are one move. */
  void move(Step step) throws IOException {
    MicroBatches before = batches();
    if (!before.isShared()) {
      before.forEach(
          (batch, hidden, scratch) -> before.set(batch, step.apply(batch, hidden, scratch)));
      return;
    }
    // somebody who has parted still stands here
    MicroBatches after = MicroBatches.of(model);
    try {
      before.forEach((batch, hidden, scratch) -> after.add(step.apply(batch, hidden, scratch)));
    } catch (IOException | RuntimeException e) {
      after.close();
      throw e;
    }
    place.batches = after;
    before.close();
  }

  private MicroBatches batches() {
    checkState(place.batches != null, "the stream has not begun, or is closed");
    return place.batches;
  }

  /** Shows all micro-batches, one after the other. */
  void forEach(MicroBatches.Visitor visitor) throws IOException {
    batches().forEach(visitor);
  }

  /**
   * Returns where the stream stands.
   *
   * @return micro-batches of FLOAT32 (rows, time, hidden_size), owned by the stream, gone when it
   *     moves on
   * @throws IOException if it waits in a scratch file that cannot be read
   */
  public List<NDArray> hidden() throws IOException {
    return batches().all();
  }

  @Override
  public ImmutableList<Shape> shapes() {
    return Lists.partition(windows, rowsPerBatch).stream()
        .map(rows -> new Shape(rows.size(), layout.length(), model.config().hiddenSize()))
        .collect(toImmutableList());
  }

  @Override
  public NDArray read(int batch, NDManager owner) throws IOException {
    return batches().read(batch, owner);
  }

  @Override
  public TokenLayout layout() {
    return layout;
  }

  /**
   * Adds another stream, number by number.
   *
   * @param other over the same windows; counts as zero while it has no micro-batch
   * @return the sums, made when they are read
   */
  public HiddenStates plus(ResidualStream other) {
    return combined(NDArray::add, other);
  }

  /**
   * Subtracts another stream, number by number.
   *
   * @param other over the same windows; counts as zero while it has no micro-batch
   * @return the differences, made when they are read
   */
  public HiddenStates minus(ResidualStream other) {
    return combined(NDArray::sub, other);
  }

  private HiddenStates combined(BinaryOperator<NDArray> operation, ResidualStream other) {
    if (!other.hasBegun()) {
      return this;
    }
    ResidualStream left = this;
    return new HiddenStates() {
      @Override
      public TokenLayout layout() {
        return layout;
      }

      @Override
      public ImmutableList<Shape> shapes() {
        return left.shapes();
      }

      @Override
      public NDArray read(int batch, NDManager owner) throws IOException {
        NDArray result = operation.apply(left.read(batch, owner), other.read(batch, owner));
        result.attach(owner);
        return result;
      }
    };
  }

  /** Goes on where another stream over the same windows stood. */
  void standWhere(ArraySource source, int first) throws IOException {
    MicroBatches found = MicroBatches.of(model);
    try {
      found.copy(source, first, shapes().size());
    } catch (IOException | RuntimeException e) {
      found.close();
      throw e;
    }
    place.batches = found;
  }

  /** Counts the bytes of its hidden states. */
  long bytes() {
    return (long) windows.size() * layout.length() * model.config().hiddenSize() * Float.BYTES;
  }

  List<int[]> windows() {
    return windows;
  }

  int rowsPerBatch() {
    return rowsPerBatch;
  }

  /** Tells whether the micro-batches wait in a file. */
  boolean isSpilled() {
    return batches().isSpilled();
  }

  /** Frees the hidden states, unless they are another stream's, too. */
  @Override
  public void close() {
    place.streams--;
    if (place.streams == 0 && place.batches != null) {
      place.batches.close();
    }
    place = new Place();
  }
}
