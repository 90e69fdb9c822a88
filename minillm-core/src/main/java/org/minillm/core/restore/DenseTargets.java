package org.minillm.core.restore;

import static com.google.common.base.Preconditions.checkNotNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.runtime.ResidualStream;

/**
 * Remembers of the dense model what the pruned one is to follow in a layer: the stream after the
 * consumers of some groups, and what the values read. What the stream is after the last consumer it
 * mostly still is when the layer is done, and is not kept twice.
 */
final class DenseTargets implements BlockTap, AutoCloseable {

  private final List<PruningGroup> groups;
  private final ResidualStream dense;
  private final Map<PruningGroup, ResidualStream> sums = new LinkedHashMap<>();
  private final @Nullable String valuePoint;
  private @Nullable ResidualStream valueInputs;

  /**
   * Begins.
   *
   * @param groups whose consumers are of interest, of one layer
   * @param valuePoint the tap point of the values; null where they are of no interest
   * @param dense the stream that is about to be taken through that layer
   */
  DenseTargets(List<PruningGroup> groups, @Nullable String valuePoint, ResidualStream dense) {
    this.groups = groups;
    this.valuePoint = valuePoint;
    this.dense = dense;
  }

  @Override
  public void sublayer(Sublayer done) throws IOException {
    NDArray ofValues = valuePoint == null ? null : done.inputs().get(valuePoint);
    if (ofValues != null) {
      if (valueInputs == null) {
        valueInputs = dense.beside();
      }
      keep(ofValues, valueInputs);
    }
    for (PruningGroup group : groups) {
      if (done.inputs().containsKey(group.consumer().input())) {
        ResidualStream kept =
            sums.computeIfAbsent(group, any -> done.last() ? dense : dense.beside());
        if (kept != dense) {
          keep(done.after(), kept);
        }
      }
    }
  }

  private static void keep(NDArray array, ResidualStream stream) throws IOException {
    NDArray copy = array.duplicate();
    NDScope.unregister(copy);
    stream.add(copy);
  }

  /** Returns the groups whose sums were seen, in the order of the computation. */
  List<PruningGroup> inOrderOfComputation() {
    return List.copyOf(sums.keySet());
  }

  /**
   * Returns the stream after a group's consumer, as long as the dense stream stands where it is.
   */
  ResidualStream of(PruningGroup group) {
    return checkNotNull(sums.get(group), "nothing was seen of %s", group.id());
  }

  /** Returns what the values read. */
  ResidualStream valueInputs() {
    return checkNotNull(valueInputs, "the dense stream has not passed, or no values were wanted");
  }

  /** Frees what is not the dense stream itself. */
  @Override
  public void close() {
    sums.values().stream().filter(stream -> stream != dense).forEach(ResidualStream::close);
    if (valueInputs != null) {
      valueInputs.close();
    }
  }
}
