package org.minillm.criteria;

import com.google.common.collect.Lists;
import com.google.common.collect.Sets;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.ModelConfig;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.evidence.GradientEstimate;
import org.minillm.core.evidence.GradientEstimator;
import org.minillm.core.evidence.GradientRequest;
import org.minillm.core.journal.Journal;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.runtime.ResidualStream;

/**
 * The true gradient, by back-propagation: the reference that forward-only estimates are measured
 * against. Gives the gradients of weights and of gates.
 *
 * <p>A micro-batch of windows goes forward through all blocks, which leaves its residual stream
 * before each; then each block, from the last to the first, is computed again with the engine's
 * gradient graph (Chen et al., arXiv 1604.06174), so that there is one block's graph in memory. The
 * time is that of about four forward passes. The memory is that of a forward pass, one stream a
 * layer, the graph of one block and, where gradients of weights are asked for, their sums: float32
 * of the size of all prunable weights, a copy of the model. Gates alone take none of the latter.
 */
public record Backprop() implements GradientEstimator {

  @Override
  public String name() {
    return "backprop";
  }

  @Override
  public Set<Evidence> provides() {
    return Sets.immutableEnumSet(Evidence.GRADIENT, Evidence.GATE_GRADIENT);
  }

  /** All of the streams, the sums and the graph of the largest block, for gradients of weights. */
  @Override
  public MemoryForecast memoryForecast(CausalLm model, CalibrationSet data) {
    ModelConfig config = model.config();
    MemoryForecast forward = model.memoryForecast(data.window());
    long tokens = (long) rowsPerBatch(data) * data.window();
    long heads =
        (long) config.layers().stream().mapToInt(LayerShape::keyValueHeads).max().orElse(0)
            * config.queryHeadsPerKeyValueHead();
    long streams = (config.layers().size() + 1L) * tokens * config.hiddenSize();
    long scores = 2 * tokens * heads * data.window();
    return forward.plus(
        (streams + scores) * Float.BYTES
            + forward.allBlocksBytes()
            + forward.largestBlockBytes()
            + forward.workingBytes());
  }

  private static int rowsPerBatch(CalibrationSet data) {
    return Math.max(1, ResidualStream.TOKENS_PER_BATCH / data.window());
  }

  @Override
  public GradientEstimate estimate(PassRunner runner, CalibrationSet data, GradientRequest request)
      throws IOException {
    CausalLm model = runner.model();
    PassListener listener = runner.listener();
    List<List<int[]>> batches = Lists.partition(data.windows(), rowsPerBatch(data));
    listener.passStarted(name(), 2L * model.config().layers().size() * batches.size());
    PassRunner anew = new PassRunner(model, listener, Journal.NONE);
    GradientSums sums = new GradientSums(model, request);
    try {
      for (List<int[]> windows : batches) {
        new BackwardPass(anew, sums).run(windows);
      }
      listener.passDone();
      return sums.mean();
    } catch (IOException | RuntimeException e) {
      sums.close();
      throw e;
    }
  }
}
