package org.minillm.core.restore;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import org.minillm.core.runtime.ResidualStream;
import org.minillm.core.tensor.CounterRng;
import org.minillm.core.tensor.HostMemory;

/**
 * Noise injection: adds to each window of the pruned stream what the window before it misses of the
 * dense one, and to the first what the last one misses. Each window has a sign of its own, so that
 * what is added means nothing to it. The noise so far is no error. The result does not depend on
 * how the windows are divided into micro-batches.
 */
final class NoiseInjection {

  private static final long SEED = 0;

  private final ResidualStream dense;
  private final ResidualStream pruned;
  private final ResidualStream noise;

  /** The streams are over the same windows; the noise is a part of the pruned one. */
  NoiseInjection(ResidualStream dense, ResidualStream pruned, ResidualStream noise) {
    this.dense = dense;
    this.pruned = pruned;
    this.noise = noise;
  }

  /**
   * Changes the pruned stream and the noise.
   *
   * @param signs names the random signs
   * @param scale factor of the errors
   * @param owner for what is needed meanwhile
   */
  void add(String signs, double scale, NDManager owner) throws IOException {
    if (!noise.hasBegun()) {
      for (Shape shape : noise.shapes()) {
        noise.add(owner.zeros(shape));
      }
    }
    long stream = CounterRng.stream(signs);
    int batches = pruned.shapes().size();
    NDArray before = lastError(batches - 1, owner);
    long window = 0;
    for (int batch = 0; batch < batches; batch++) {
      try (NDManager scratch = owner.newSubManager();
          NDScope scope = new NDScope()) {
        scope.suppressNotUsedWarning();
        NDArray hidden = pruned.read(batch, scratch);
        NDArray earlier = noise.read(batch, scratch);
        NDArray errors = errors(dense.read(batch, scratch), earlier, hidden);
        int windows = Math.toIntExact(hidden.getShape().get(0));
        NDArray ofNeighbours =
            windows == 1
                ? before
                : before.concat(errors.get(new NDIndex().addSliceDim(0, windows - 1)));
        NDArray factors = scratch.create(new Shape(windows, 1, 1));
        long first = window;
        HostMemory.fill(factors, values -> CounterRng.fillSigns(values, SEED, stream, first));
        NDArray added = ofNeighbours.mul(factors).mul(scale);
        NDArray disturbed = hidden.add(added);
        NDArray later = earlier.add(added);
        NDArray last = lastOf(errors, owner);
        NDScope.unregister(disturbed, later);
        before.close();
        before = last;
        pruned.set(batch, disturbed);
        noise.set(batch, later);
        window += windows;
      }
    }
  }

  private NDArray lastError(int batch, NDManager owner) throws IOException {
    try (NDManager scratch = owner.newSubManager();
        NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDArray errors =
          errors(
              dense.read(batch, scratch), noise.read(batch, scratch), pruned.read(batch, scratch));
      return lastOf(errors, owner);
    }
  }

  private static NDArray errors(NDArray dense, NDArray noise, NDArray pruned) {
    return dense.add(noise).sub(pruned);
  }

  private static NDArray lastOf(NDArray errors, NDManager owner) {
    long windows = errors.getShape().get(0);
    NDArray last = errors.get(new NDIndex().addSliceDim(windows - 1, windows)).duplicate();
    NDScope.unregister(last);
    last.attach(owner);
    return last;
  }
}
