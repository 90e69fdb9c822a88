package org.minillm.core.runtime;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDManager;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.minillm.core.files.JsonNode;
import org.minillm.core.journal.Journal;
import org.minillm.core.journal.PassState;

/**
 * Takes passes through the layers of a model, a block at a time: each block is opened once, all
 * streams of a pass go through it, then the next one is opened. Whether blocks come from memory or
 * from the file makes no difference to a result. Here, and nowhere else, layers are walked, read
 * ahead, resumed, saved, reported and given back.
 *
 * <p>{@link ForwardPass} shows it.
 */
public final class PassRunner {

  /**
   * What is made of a layer's weights comes and goes, and would stay with the process; but what is
   * given back, the next layer has to take anew.
   */
  private static final int LAYERS_BETWEEN_TRIMS = 4;

  private final CausalLm model;
  private final PassListener listener;
  private final Journal journal;

  /**
   * Runs passes that nobody hears of and that begin anew whenever they are started.
   *
   * @param model used by one runner at a time
   */
  public PassRunner(CausalLm model) {
    this(model, PassListener.SILENT, Journal.NONE);
  }

  /**
   * Runs passes.
   *
   * @param model used by one runner at a time
   * @param listener told of every layer, also of those that an earlier run has passed
   * @param journal where passes go on that were interrupted
   */
  public PassRunner(CausalLm model, PassListener listener, Journal journal) {
    requireNonNull(model, "model");
    requireNonNull(listener, "listener");
    requireNonNull(journal, "journal");
    this.model = model;
    this.listener = listener;
    this.journal = journal;
  }

  /**
   * Returns the model.
   *
   * @return whose layers the passes go through
   */
  public CausalLm model() {
    return model;
  }

  /**
   * Returns who is told of the progress, for work that is no pass.
   *
   * @return the listener
   */
  public PassListener listener() {
    return listener;
  }

  /**
   * Returns where passes go on, for work that is no pass.
   *
   * @return the journal
   */
  public Journal journal() {
    return journal;
  }

  /**
   * Runs passes that are one piece of work to a person, one after the other.
   *
   * @param work what they do, as the listener is told
   * @param passes each is closed when it is over; what it has found it still knows
   * @throws IOException if a layer cannot be read, or what a pass does fails
   */
  public void run(String work, List<? extends Pass> passes) throws IOException {
    requireNonNull(work, "work");
    requireNonNull(passes, "passes");
    listener.passStarted(work, passes.stream().mapToLong(Pass::layers).sum());
    for (Pass pass : passes) {
      try (pass) {
        run(pass);
      }
    }
    listener.passDone();
  }

  /**
   * Runs one pass, as a part of work that the listener knows of.
   *
   * @param pass stays open
   * @throws IOException if a layer cannot be read, or what the pass does fails
   */
  public void run(Pass pass) throws IOException {
    requireNonNull(pass, "pass");
    Optional<PassState> earlier = journal.resume(pass.name(), state -> resume(pass, state));
    if (earlier.isPresent() && earlier.get().isOver()) {
      listener.stepsDone(pass.layers());
      return;
    }
    int first = earlier.map(PassState::layers).orElse(0);
    if (first > 0) {
      listener.stepsDone(first);
    }
    for (ResidualStream stream : pass.streams()) {
      stream.embed();
    }
    walk(pass, first);
    pass.end();
    journal.finish(pass.name(), pass.toJson());
  }

  private void walk(Pass pass, int first) throws IOException {
    try (PositionTables tables = new PositionTables(model);
        LayerWalk walk = new LayerWalk(first, pass.layers(), model.readsAhead(), model::layer)) {
      for (int index = first; index < pass.layers(); index++) {
        int done = index + 1;
        boolean observed;
        try (LayerWeights weights = walk.next();
            NDManager owner = model.newManager()) {
          Layer layer = new Layer(model, index, weights, tables, owner);
          pass.layer(layer);
          observed = layer.isObserved();
        }
        if (observed && done % LAYERS_BETWEEN_TRIMS == 0) {
          NativeHeap.trim();
        }
        listener.stepDone();
        journal.saveIfDue(pass.name(), () -> SavedStreams.of(pass, done));
      }
    }
    // before the language head takes its part
    NativeHeap.trim();
  }

  private static void resume(Pass pass, PassState state) throws IOException {
    if (state.isOver()) {
      pass.resume(pass.layers(), new JsonNode("", state.findings()));
      return;
    }
    checkArgument(
        state.layers() <= pass.layers(),
        "%s layers of a pass of %s",
        state.layers(),
        pass.layers());
    SavedStreams saved = SavedStreams.in(state, pass);
    pass.resume(state.layers(), saved.findings());
    saved.restore();
  }
}
