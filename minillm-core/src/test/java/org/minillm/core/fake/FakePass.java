package org.minillm.core.fake;

import ai.djl.ndarray.NDArray;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.Layer;
import org.minillm.core.runtime.Pass;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.runtime.ResidualStream;

/** Forward passes over windows: the one class of these tests that knows who walks. */
final class FakePass {

  /** A micro-batch holds so many tokens: two windows of more than half of it take two. */
  static final int MICRO_BATCH = ResidualStream.TOKENS_PER_BATCH;

  private final CausalLm model;
  private WeightTransform transform = WeightTransform.NONE;
  private BlockTap tap = BlockTap.NONE;

  FakePass(CausalLm model) {
    this.model = model;
  }

  FakePass transform(WeightTransform chosen) {
    this.transform = chosen;
    return this;
  }

  /** Shows what is read at the tap points, in the order of the computation. */
  FakePass tap(BiConsumer<String, NDArray> shown) {
    this.tap =
        new BlockTap() {
          @Override
          public NDArray read(String point, NDArray input) {
            shown.accept(point, input);
            return input;
          }
        };
    return this;
  }

  /** Returns the stream after each layer, micro-batch after micro-batch. */
  List<float[]> streams(List<int[]> windows) throws IOException {
    List<float[]> after = new ArrayList<>();
    ResidualStream stream = ResidualStream.of(model, windows);
    try (Pass pass =
        new Pass() {
          @Override
          public String name() {
            return "watched";
          }

          @Override
          public int layers() {
            return model.config().layers().size();
          }

          @Override
          public List<ResidualStream> streams() {
            return List.of(stream);
          }

          @Override
          public void layer(Layer layer) throws IOException {
            layer.advance(stream, transform, tap);
            stream.hidden().stream().map(NDArray::toFloatArray).forEach(after::add);
          }
        }) {
      new PassRunner(model).run(pass);
    }
    return after;
  }

  /** Returns the mean loss of each window. */
  double[] losses(List<int[]> windows) throws IOException {
    try (ForwardPass pass = new ForwardPass(model)) {
      ResidualStream stream = pass.add(windows, transform, tap);
      pass.run();
      return pass.windowLosses(List.of(stream)).get(0);
    }
  }
}
