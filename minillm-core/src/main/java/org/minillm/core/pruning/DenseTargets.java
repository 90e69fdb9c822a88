package org.minillm.core.pruning;

import static com.google.common.base.Preconditions.checkNotNull;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.minillm.core.model.InputTap;
import org.minillm.core.model.PruningGroup;
import org.minillm.core.model.ResidualStream;
import org.minillm.core.model.TwinStreams;

/**
 * Remembers of the dense model what the pruned one is to follow in a layer: the stream after the
 * consumers of some groups, and what the values read. What the stream is after the last consumer it
 * mostly still is when the layer is done, and is not kept twice.
 */
final class DenseTargets implements InputTap, AutoCloseable {

  private final List<PruningGroup> groups;
  private final TwinStreams streams;
  private final Map<PruningGroup, ResidualStream> sums = new LinkedHashMap<>();
  private final @Nullable String valuePoint;
  private @Nullable ResidualStream valueInputs;
  private String point = "";
  private @Nullable PruningGroup last;
  private @Nullable NDArray sumOfLast;

  /**
   * Begins.
   *
   * @param groups whose consumers are of interest, of one layer
   * @param valuePoint the tap point of the values; null where they are of no interest
   * @param streams the dense stream is about to be taken through that layer
   */
  DenseTargets(List<PruningGroup> groups, @Nullable String valuePoint, TwinStreams streams) {
    this.groups = groups;
    this.valuePoint = valuePoint;
    this.streams = streams;
  }

  @Override
  public void accept(String tapPoint, NDArray input) {
    point = tapPoint;
    if (tapPoint.equals(valuePoint)) {
      valueInputs = keep(valueInputs, input);
    }
  }

  @Override
  public void after(NDArray sum) {
    keepLast();
    for (PruningGroup group : groups) {
      if (point.equals(group.consumer().input())) {
        last = group;
        sumOfLast = sum;
      }
    }
  }

  @Override
  public void done(NDArray stream) {
    if (last != null && sumOfLast == stream) {
      sums.put(last, streams.dense());
      last = null;
    }
    keepLast();
  }

  /** Keeps a copy: something follows that is not the stream after the layer. */
  private void keepLast() {
    if (last == null || sumOfLast == null) {
      return;
    }
    sums.put(last, keep(sums.get(last), sumOfLast));
    last = null;
    sumOfLast = null;
  }

  /** Adds a copy to a stream, or to a new one where there is none. */
  private ResidualStream keep(@Nullable ResidualStream stream, NDArray array) {
    NDArray copy = array.duplicate();
    NDScope.unregister(copy);
    try {
      ResidualStream kept = stream == null ? streams.newStream() : stream;
      kept.add(copy);
      return kept;
    } catch (IOException e) {
      // a tap has no other way to say that the disk is full
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the groups whose sums were seen, in the order of the computation. */
  List<PruningGroup> inOrderOfComputation() {
    return List.copyOf(sums.keySet());
  }

  /** Returns the micro-batches of a group, as long as the streams stand where they do. */
  ResidualStream of(PruningGroup group) {
    return requireNonNull(sums.get(group));
  }

  /** Returns what the values read, in micro-batches. */
  ResidualStream valueInputs() {
    return checkNotNull(valueInputs, "the dense stream has not passed, or no values were wanted");
  }

  /** Frees what is not the streams' own. */
  @Override
  public void close() {
    sums.values().stream()
        .filter(stream -> stream != streams.dense())
        .forEach(ResidualStream::close);
    if (valueInputs != null) {
      valueInputs.close();
    }
  }
}
