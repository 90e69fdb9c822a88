package org.minillm.core.pruning;

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
 * Remembers what the dense stream is after the consumers of some groups of a layer. What it is
 * after the last of them it mostly still is when the layer is done, and is not kept twice.
 */
final class DenseSums implements InputTap, AutoCloseable {

  private final List<PruningGroup> groups;
  private final TwinStreams streams;
  private final Map<PruningGroup, ResidualStream> sums = new LinkedHashMap<>();
  private String point = "";
  private @Nullable PruningGroup last;
  private @Nullable NDArray sumOfLast;

  /**
   * Begins.
   *
   * @param groups whose consumers are of interest, of one layer
   * @param streams the dense stream is about to be taken through that layer
   */
  DenseSums(List<PruningGroup> groups, TwinStreams streams) {
    this.groups = groups;
    this.streams = streams;
  }

  @Override
  public void accept(String tapPoint, NDArray input) {
    point = tapPoint;
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
    NDArray copy = sumOfLast.duplicate();
    NDScope.unregister(copy);
    try {
      if (!sums.containsKey(last)) {
        sums.put(last, streams.newStream());
      }
      sums.get(last).add(copy);
    } catch (IOException e) {
      // a tap has no other way to say that the disk is full
      throw new UncheckedIOException(e);
    }
    last = null;
    sumOfLast = null;
  }

  /** Returns the groups whose sums were seen, in the order of the computation. */
  List<PruningGroup> inOrderOfComputation() {
    return List.copyOf(sums.keySet());
  }

  /** Returns the micro-batches of a group, as long as the streams stand where they do. */
  ResidualStream of(PruningGroup group) {
    return sums.get(group);
  }

  /** Frees what is not the streams' own. */
  @Override
  public void close() {
    sums.values().stream()
        .filter(stream -> stream != streams.dense())
        .forEach(ResidualStream::close);
  }
}
