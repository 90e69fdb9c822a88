package org.minillm.core.runtime;

import ai.djl.ndarray.NDArray;
import ai.djl.pytorch.jni.JniUtils;
import java.io.IOException;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.tensor.Compute;
import org.minillm.core.tensor.EngineSettings;

/**
 * How many threads the engine computes with. Threads that sleep between two operations, as {@link
 * EngineSettings} lets them, are woken for every matrix product, which takes 100 us on the machine
 * of docs/performance.md: as long as the product of one token with a matrix of a small model. There
 * one thread is faster. A product is divided by rows of the weight: the results are the same to
 * rounding, on that machine to the bit.
 */
public final class EngineThreads {

  /** Multiply-accumulates of a matrix product from which on it pays to wake a second thread. */
  static final long WORTH_WAKING = 1L << 20;

  private EngineThreads() {}

  /**
   * Tells how many threads compute. More or fewer may change the last bits of a result.
   *
   * @return those that the engine was told to use, or chose
   */
  public static int inForce() {
    // which is told when it is loaded
    Compute.cpu().start();
    return JniUtils.getNumThreads();
  }

  /** Work with the engine. */
  @FunctionalInterface
  interface Work {
    NDArray compute() throws IOException;
  }

  /**
   * Computes with the threads that are fastest for the layers of a model.
   *
   * @param model which reads
   * @param tokens that go through a layer together
   * @param work on the calling thread
   * @return what the work returns
   * @throws IOException from the work
   */
  static NDArray forLayers(CausalLm model, int tokens, Work work) throws IOException {
    int widest =
        model.config().layers().stream().mapToInt(LayerShape::intermediateSize).max().orElse(0);
    return forProducts(
        (long) tokens * model.config().hiddenSize() * widest, EngineSettings.threadsSleep(), work);
  }

  /**
   * Computes with the threads that are fastest for matrix products.
   *
   * @param macs multiply-accumulates of the largest
   * @param sleeping whether threads sleep between them
   */
  static NDArray forProducts(long macs, boolean sleeping, Work work) throws IOException {
    int all = JniUtils.getNumThreads();
    if (!sleeping || macs >= WORTH_WAKING || all == 1) {
      return work.compute();
    }
    JniUtils.setNumThreads(1);
    try {
      return work.compute();
    } finally {
      JniUtils.setNumThreads(all);
    }
  }
}
