package org.minillm.core.fake;

import ai.djl.ndarray.NDArray;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.InputTap;
import org.minillm.core.model.Strand;
import org.minillm.core.model.Sweep;
import org.minillm.core.model.WeightTransform;

/** Forward passes over windows: the one class of these tests that knows who walks. */
final class FakePass {

  /** A micro-batch holds so many tokens: two windows of more than half of it take two. */
  static final int MICRO_BATCH = Sweep.TOKENS_PER_BATCH;

  private final CausalLm model;
  private WeightTransform transform = WeightTransform.NONE;
  private InputTap tap = InputTap.NONE;

  FakePass(CausalLm model) {
    this.model = model;
  }

  FakePass transform(WeightTransform chosen) {
    this.transform = chosen;
    return this;
  }

  FakePass tap(InputTap chosen) {
    this.tap = chosen;
    return this;
  }

  /** Returns the stream after each layer, micro-batch after micro-batch. */
  List<float[]> streams(List<int[]> windows) throws IOException {
    List<float[]> after = new ArrayList<>();
    try (Sweep sweep = new Sweep(model)) {
      Strand strand = sweep.add(windows, transform, tap);
      sweep.run(
          (Sweep.LayerListener)
              layer -> strand.hidden().stream().map(NDArray::toFloatArray).forEach(after::add));
    }
    return after;
  }

  /** Returns the mean loss of each window. */
  double[] losses(List<int[]> windows) throws IOException {
    try (Sweep sweep = new Sweep(model)) {
      Strand strand = sweep.add(windows, transform, tap);
      sweep.run((Sweep.LayerListener) layer -> {});
      return sweep.windowNegativeLogLikelihoods(List.of(strand)).get(0);
    }
  }
}
