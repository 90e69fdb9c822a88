package org.minillm.models;

import ai.djl.ndarray.NDArray;
import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import org.minillm.core.architecture.BlockTap;

/** Asks the tap for what the linear layers of one sublayer read, and tells it when all is done. */
final class SublayerInputs {

  private final BlockTap tap;
  private final ImmutableMap.Builder<String, NDArray> read = ImmutableMap.builder();

  SublayerInputs(BlockTap tap) {
    this.tap = tap;
  }

  /** Returns what is read at a tap point: the input, or what the tap puts in its place. */
  NDArray at(String point, NDArray input) {
    NDArray taken = tap.read(point, input);
    read.put(point, taken);
    return taken;
  }

  void done(NDArray before, NDArray after, boolean last) throws IOException {
    tap.sublayer(new BlockTap.Sublayer(before, read.build(), after, last));
  }
}
