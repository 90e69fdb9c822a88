package org.minillm.core.runtime;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import com.google.common.collect.Lists;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.TokenLayout;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.files.JsonNode;
import org.minillm.core.tensor.NotFiniteException;

/**
 * Streams that go through all layers, each with weights of its own. A stream may fork off another
 * one where its weights begin to differ.
 *
 * <pre>{@code
 * try (ForwardPass pass = new ForwardPass(model)) {
 *   ResidualStream stream = pass.add(windows, WeightTransform.NONE, BlockTap.NONE);
 *   pass.run();
 *   losses = pass.windowLosses(List.of(stream)).get(0);
 * }
 * }</pre>
 *
 * Owns its streams.
 */
public final class ForwardPass implements Pass {

  /** Hidden states that one pass should hold; more text takes several passes. */
  private static final long HIDDEN_BYTES = 64L << 20;

  private final CausalLm model;
  private final String name;
  private final NDManager manager;
  private final List<Branch> branches = new ArrayList<>();

  /** A stream and the weights that it goes through. */
  private record Branch(
      ResidualStream stream, WeightTransform transform, BlockTap tap, @Nullable Fork fork) {}

  /** Where a stream leaves another. */
  private record Fork(ResidualStream trunk, int layer) {}

  /**
   * Begins a pass without a stream, for {@link #run}.
   *
   * @param model the model
   */
  public ForwardPass(CausalLm model) {
    this(model, "forward");
  }

  /**
   * Begins a pass without a stream.
   *
   * @param model the model
   * @param name among the passes of a run
   */
  public ForwardPass(CausalLm model, String name) {
    requireNonNull(model, "model");
    requireNonNull(name, "name");
    this.model = model;
    this.name = name;
    this.manager = model.newManager();
  }

  /**
   * Tells how much text a pass should carry, so that its hidden states stay small.
   *
   * @param model the model
   * @return tokens, at least 1
   */
  public static long tokensAtOnce(CausalLm model) {
    requireNonNull(model, "model");
    return Math.max(1, HIDDEN_BYTES / Float.BYTES / model.config().hiddenSize());
  }

  /**
   * Adds windows.
   *
   * @param windows token ids, all of the same length
   * @param transform changes the weights for this stream only
   * @param tap watches, or changes, what this stream's blocks read
   * @return their stream
   */
  public ResidualStream add(List<int[]> windows, WeightTransform transform, BlockTap tap) {
    requireNonNull(windows, "windows");
    requireNonNull(transform, "transform");
    requireNonNull(tap, "tap");
    return add(new Branch(ResidualStream.of(model, windows), transform, tap, null));
  }

  /**
   * Adds rows in which continuations share a context, to go through the layers as one micro-batch.
   *
   * @param rows token ids, all of one length
   * @param layout where they stand and what they see, a row for each row
   * @return their stream
   */
  public ResidualStream addPacked(List<int[]> rows, TokenLayout layout) {
    requireNonNull(rows, "rows");
    requireNonNull(layout, "layout");
    ResidualStream stream = ResidualStream.packed(model, rows, layout);
    return add(new Branch(stream, WeightTransform.NONE, BlockTap.NONE, null));
  }

  /**
   * Adds a stream that is the same as another before some layer and is computed from there on only.
   *
   * @param trunk a stream of this pass that is no fork
   * @param firstLayer the first layer whose weights may differ, of the model's layers
   * @param transform changes the weights of that layer and of those after it
   * @return the stream
   */
  public ResidualStream fork(ResidualStream trunk, int firstLayer, WeightTransform transform) {
    requireNonNull(trunk, "trunk");
    requireNonNull(transform, "transform");
    checkArgument(
        branches.stream().anyMatch(other -> other.stream == trunk && other.fork == null),
        "a fork of a fork, or of another pass's stream");
    checkArgument(
        firstLayer >= 0 && firstLayer < layers(),
        "a fork at layer %s, expected 0 to %s",
        firstLayer,
        layers() - 1);
    return add(new Branch(trunk.twin(), transform, BlockTap.NONE, new Fork(trunk, firstLayer)));
  }

  private ResidualStream add(Branch branch) {
    branches.add(branch);
    return branch.stream;
  }

  /**
   * Runs the pass by itself.
   *
   * @throws IOException if a layer cannot be read
   */
  public void run() throws IOException {
    new PassRunner(model).run(this);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public int layers() {
    return model.config().layers().size();
  }

  @Override
  public List<ResidualStream> streams() {
    return Lists.transform(branches, Branch::stream);
  }

  @Override
  public void layer(Layer layer) throws IOException {
    for (Branch branch : branches) {
      if (branch.fork != null && branch.fork.layer == layer.index()) {
        branch.stream.part();
      }
    }
    // forks stand after their trunk, and begin with what the trunk has not left yet
    for (Branch branch : Lists.reverse(branches)) {
      if (branch.fork == null || !branch.stream.isOneWith(branch.fork.trunk)) {
        layer.advance(branch.stream, branch.transform, branch.tap);
      }
    }
  }

  @Override
  public void resume(int layers, JsonNode json) {
    checkArgument(layers < layers(), "all layers are done, and their streams are gone");
  }

  /**
   * Scores every next token of streams that have passed all layers. The language head is read once,
   * and the hidden states of the streams are freed.
   *
   * @param scored some of this pass's
   * @return for every stream, for every window the mean over its length - 1 predicted tokens of
   *     -log P, in nats
   * @throws IOException if the language head cannot be read, or a loss of the weights as they are
   *     stored is not finite because a weight is not
   * @throws NotFiniteException if such a loss is not finite although all weights are
   */
  public List<double[]> windowLosses(List<ResidualStream> scored) throws IOException {
    requireNonNull(scored, "scored");
    List<double[]> losses = new WindowLosses(model).of(scored);
    for (int i = 0; i < losses.size(); i++) {
      requireFinite(scored.get(i), losses.get(i));
    }
    return losses;
  }

  /** Who changed the weights looks at the losses himself: they may be too much changed. */
  private void requireFinite(ResidualStream stream, double[] losses) throws IOException {
    boolean stored =
        branches.stream()
            .anyMatch(
                branch -> branch.stream == stream && branch.transform == WeightTransform.NONE);
    for (double loss : losses) {
      if (stored && !Double.isFinite(loss)) {
        throw model.diagnose(
            new NotFiniteException("the loss of a window is " + loss), stream.windows());
      }
    }
  }

  /**
   * Returns what the language head reads, for a stream that has passed all layers.
   *
   * @param stream one of this pass's
   * @return micro-batches of FLOAT32 (rows, time, width), owned by the pass
   * @throws IOException if the last norm cannot be read
   */
  public List<NDArray> normed(ResidualStream stream) throws IOException {
    requireNonNull(stream, "stream");
    List<NDArray> result = new ArrayList<>();
    stream.forEach(
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

  /** Frees the streams, and gives back what the walk took. */
  @Override
  public void close() {
    streams().forEach(ResidualStream::close);
    manager.close();
    NativeHeap.trim();
  }
}
