package org.minillm.core.evidence;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableMap;
import java.util.Optional;
import org.minillm.core.architecture.PruningGroup;

/** An estimate of the loss gradient, materialised one tensor at a time. */
public interface GradientEstimate extends AutoCloseable {

  /** No gradient: stands for a gradient of 1 everywhere. */
  GradientEstimate NONE =
      new GradientEstimate() {
        @Override
        public Optional<NDArray> gradient(String tensor, Shape shape, NDManager owner) {
          return Optional.empty();
        }

        @Override
        public ImmutableMap<String, String> provenance() {
          return ImmutableMap.of("gradient", "none");
        }

        @Override
        public long forwardPasses() {
          return 0;
        }
      };

  /**
   * Materialises the estimate for one tensor.
   *
   * @param tensor name of a prunable tensor
   * @param shape its shape
   * @param owner where the array hangs
   * @return FLOAT32, of that shape; empty where there is no gradient
   */
  Optional<NDArray> gradient(String tensor, Shape shape, NDManager owner);

  /**
   * Materialises the estimate for the gates of one group.
   *
   * @param group whose units have the gates
   * @return one number a unit; empty where the estimate has none
   */
  default Optional<GateGradient> gates(PruningGroup group) {
    return Optional.empty();
  }

  /**
   * Says how the estimate was made, for the plan: {@code gradient}, {@code gradient.probes} and so
   * on. Together with the model and the calibration set it is enough to make the same estimate.
   *
   * @return stable names and values
   */
  ImmutableMap<String, String> provenance();

  /**
   * Counts the forward passes over one window each that the estimate took, divided by the number of
   * windows of the calibration set.
   *
   * @return the work in passes over the calibration set, rounded up
   */
  long forwardPasses();

  /** Frees what native memory the estimate holds; most hold none. */
  @Override
  default void close() {}
}
