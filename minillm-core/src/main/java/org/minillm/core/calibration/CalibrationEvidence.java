package org.minillm.core.calibration;

import static com.google.common.base.Preconditions.checkState;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import java.io.IOException;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.PassListener;
import org.minillm.core.model.TensorSlice;
import org.minillm.core.model.WeightSource;

/** Everything that was collected for all layers, and nothing that was not asked for. */
public final class CalibrationEvidence {

  private final ImmutableSet<Evidence> collected;
  private final ImmutableMap<String, ChannelStatistics> statistics;
  private final GradientEstimate gradient;
  private final long tokens;

  private CalibrationEvidence(
      Set<Evidence> collected,
      ImmutableMap<String, ChannelStatistics> statistics,
      GradientEstimate gradient,
      long tokens) {
    this.collected = ImmutableSet.copyOf(collected);
    this.statistics = statistics;
    this.gradient = gradient;
    this.tokens = tokens;
  }

  /**
   * Runs the passes that the evidence asked for needs: none for none.
   *
   * @param model the model; read only
   * @param data the calibration set; may be null where no evidence is asked for
   * @param required what to collect
   * @param estimator makes the gradient; null where the gradient is to be 1 everywhere
   * @param listener told of the progress
   * @return the evidence
   * @throws IOException if the checkpoint cannot be read
   */
  public static CalibrationEvidence collect(
      CausalLm model,
      @Nullable CalibrationSet data,
      Set<Evidence> required,
      @Nullable GradientEstimator estimator,
      PassListener listener)
      throws IOException {
    if (required.isEmpty()) {
      return new CalibrationEvidence(required, ImmutableMap.of(), GradientEstimate.NONE, 0);
    }
    if (data == null) {
      throw new IllegalArgumentException(
          "no calibration set: the criterion needs " + required + "; give a calibration text");
    }
    ImmutableMap<String, ChannelStatistics> statistics =
        required.contains(Evidence.INPUT_STATISTICS)
            ? StatisticsPass.run(model, data, listener)
            : ImmutableMap.of();
    GradientEstimate gradient =
        required.contains(Evidence.GRADIENT) && estimator != null
            ? estimator.estimate(model, data, listener)
            : GradientEstimate.NONE;
    long tokens = (long) data.windows().size() * data.window();
    return new CalibrationEvidence(required, statistics, gradient, tokens);
  }

  /**
   * Returns the gradient estimate.
   *
   * @return {@link GradientEstimate#NONE} where none was made
   */
  public GradientEstimate gradient() {
    return gradient;
  }

  /**
   * Counts the passes over the calibration set that were run.
   *
   * @return passes of all kinds
   */
  public long forwardPasses() {
    return gradient.forwardPasses() + (statistics.isEmpty() ? 0 : 1);
  }

  /**
   * Opens the evidence of one layer.
   *
   * @param weights the layer's weights
   * @param backend where scores are computed
   * @param owner where materialised gradients hang
   * @return valid as long as {@code weights} and {@code owner} are
   */
  public BlockEvidence ofBlock(WeightSource weights, ScoreBackend backend, NDManager owner) {
    return new OfBlock(weights, backend, owner);
  }

  private final class OfBlock implements BlockEvidence {
    private final WeightSource weights;
    private final ScoreBackend backend;
    private final NDManager owner;

    OfBlock(WeightSource weights, ScoreBackend backend, NDManager owner) {
      this.weights = weights;
      this.backend = backend;
      this.owner = owner;
    }

    @Override
    public NDArray weight(TensorSlice slice) throws IOException {
      return weights.read(slice.tensor(), owner);
    }

    @Override
    public Optional<NDArray> gradient(TensorSlice slice) throws IOException {
      requireCollected(Evidence.GRADIENT);
      return gradient.gradient(slice.tensor(), weight(slice).getShape(), owner);
    }

    @Override
    public ChannelStatistics inputs(TensorSlice slice) {
      requireCollected(Evidence.INPUT_STATISTICS);
      if (slice.isBias()) {
        return ChannelStatistics.constantOne(tokens);
      }
      ChannelStatistics found = statistics.get(slice.input());
      checkState(found != null, "no statistics at %s, the input of %s", slice.input(), slice);
      return found;
    }

    @Override
    public ScoreBackend backend() {
      return backend;
    }

    private void requireCollected(Evidence evidence) {
      checkState(
          collected.contains(evidence),
          "%s was not collected: the criterion's requires() does not name it",
          evidence);
    }
  }
}
