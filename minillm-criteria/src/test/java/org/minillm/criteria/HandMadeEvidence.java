package org.minillm.criteria;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.base.Preconditions;
import com.google.common.primitives.ImmutableDoubleArray;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.evidence.BlockEvidence;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.evidence.GateGradient;
import org.minillm.core.evidence.TokenWeights;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.tensor.ChannelStatistics;
import org.minillm.core.tensor.Compute;
import org.minillm.core.tensor.Kernels;

/** A layer whose numbers a test writes down; like the real one it gives only what was asked for. */
final class HandMadeEvidence implements BlockEvidence, AutoCloseable {

  private final NDManager manager = NDManager.newBaseManager();
  private final Map<String, NDArray> weights = new HashMap<>();
  private final Map<String, NDArray> gradients = new HashMap<>();
  private final Map<String, ChannelStatistics> inputs = new HashMap<>();
  private final Map<String, NDArray> moments = new HashMap<>();
  private @Nullable GateGradient gates;
  private final long tokens;
  private final Set<Evidence> collected;

  HandMadeEvidence(long tokens, ImportanceCriterion criterion) {
    this.tokens = tokens;
    this.collected = criterion.requires();
  }

  HandMadeEvidence weight(String tensor, Shape shape, float... values) {
    weights.put(tensor, manager.create(values, shape));
    return this;
  }

  HandMadeEvidence gradient(String tensor, float... values) {
    gradients.put(tensor, manager.create(values, weights.get(tensor).getShape()));
    return this;
  }

  /** One token with these activations: they are the norms too. */
  HandMadeEvidence input(String point, float... activations) {
    ChannelStatistics statistics = new ChannelStatistics(activations.length);
    statistics.accumulate(manager.create(activations));
    inputs.put(point, statistics);
    return this;
  }

  /** Several tokens with these activations, one token after the other. */
  HandMadeEvidence tokens(String point, int channels, float... activations) {
    ChannelStatistics statistics = new ChannelStatistics(channels);
    statistics.accumulate(
        manager.create(activations, new Shape(activations.length / channels, channels)));
    inputs.put(point, statistics);
    return this;
  }

  @Override
  public NDArray weight(TensorSlice slice) {
    return weights.get(slice.tensor());
  }

  @Override
  public Optional<NDArray> gradient(TensorSlice slice) {
    Preconditions.checkState(collected.contains(Evidence.GRADIENT), "not asked for");
    return Optional.ofNullable(gradients.get(slice.tensor()));
  }

  /** The second moments at a tap point, whatever the token weights. */
  HandMadeEvidence moments(String point, int channels, double... values) {
    moments.put(point, manager.create(values, new Shape(channels, channels)));
    return this;
  }

  HandMadeEvidence gates(double[] mean, double[] meanSquare) {
    gates =
        new GateGradient(
            ImmutableDoubleArray.copyOf(mean), ImmutableDoubleArray.copyOf(meanSquare));
    return this;
  }

  @Override
  public GateGradient gateGradient(PruningGroup group) {
    Preconditions.checkState(collected.contains(Evidence.GATE_GRADIENT), "not asked for");
    return Objects.requireNonNull(gates);
  }

  @Override
  public ChannelStatistics inputs(TensorSlice slice, TokenWeights tokenWeights) {
    Preconditions.checkState(
        collected.contains(Evidence.statistics(tokenWeights)), "not asked for");
    return slice.isBias() ? ChannelStatistics.constantOne(tokens) : inputs.get(slice.input());
  }

  @Override
  public NDArray secondMoments(TensorSlice consumer, TokenWeights tokenWeights) {
    Preconditions.checkState(
        collected.contains(Evidence.secondMoments(tokenWeights)), "not asked for");
    return moments.get(consumer.input());
  }

  @Override
  public Kernels kernels() {
    return Compute.cpu().kernels();
  }

  @Override
  public void close() {
    manager.close();
  }
}
