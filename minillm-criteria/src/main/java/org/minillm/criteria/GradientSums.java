package org.minillm.criteria;

import static com.google.common.collect.ImmutableMap.toImmutableMap;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableDoubleArray;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.evidence.GateGradient;
import org.minillm.core.evidence.GradientEstimate;
import org.minillm.core.evidence.GradientRequest;
import org.minillm.core.runtime.CausalLm;

/**
 * Gradients of the windows' losses, summed over the windows: those of weights in float32, a few
 * micro-batches each, those of gates in double. Owns the former.
 */
final class GradientSums implements GradientEstimate {

  private final NDManager owner;
  private final Map<String, NDArray> weights = new HashMap<>();
  private final ImmutableMap<String, PruningGroup> gated;
  private final Map<GroupId, GateSums> gates = new HashMap<>();
  private long windows;

  /** The sums of one group. */
  private record GateSums(double[] sum, double[] squares) {}

  /** Begins at zero. */
  GradientSums(CausalLm model, GradientRequest request) {
    owner = model.compute().newManager();
    for (PruningGroup group : model.groups(request.kinds(Evidence.GRADIENT))) {
      for (TensorSlice slice : group.slices()) {
        weights.computeIfAbsent(
            slice.tensor(), tensor -> zeros(requireNonNull(model.decoder().tensors().get(tensor))));
      }
    }
    gated =
        model.groups(request.kinds(Evidence.GATE_GRADIENT)).stream()
            .collect(toImmutableMap(group -> group.consumer().input(), Function.identity()));
  }

  private NDArray zeros(Shape shape) {
    try (NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      NDArray zeros = owner.zeros(shape, DataType.FLOAT32);
      NDScope.unregister(zeros);
      return zeros;
    }
  }

  boolean wants(String tensor) {
    return weights.containsKey(tensor);
  }

  /** Returns the group whose gates act at a tap point; null where none is wanted. */
  @Nullable PruningGroup gatedAt(String point) {
    return gated.get(point);
  }

  void addWeight(String tensor, NDArray gradient) {
    requireNonNull(weights.get(tensor)).addi(gradient);
  }

  /** Adds the gradients of gates, window after window, unit after unit. */
  void addGates(PruningGroup group, float[] gradients) {
    int units = group.units();
    GateSums sums =
        gates.computeIfAbsent(group.id(), id -> new GateSums(new double[units], new double[units]));
    for (int i = 0; i < gradients.length; i++) {
      double gradient = gradients[i];
      sums.sum[i % units] += gradient;
      sums.squares[i % units] += gradient * gradient;
    }
  }

  void addWindows(int count) {
    windows += count;
  }

  /** Ends the sums: from now on the weights' are those of the mean loss. */
  GradientEstimate mean() {
    weights.values().forEach(sum -> sum.divi(windows));
    return this;
  }

  /**
   * {@inheritDoc}
   *
   * <p>A new handle of memory that this estimate keeps until it is closed.
   */
  @Override
  public Optional<NDArray> gradient(String tensor, Shape shape, NDManager manager) {
    NDArray handle = requireNonNull(weights.get(tensor)).stopGradient();
    handle.attach(manager);
    return Optional.of(handle);
  }

  @Override
  public Optional<GateGradient> gates(PruningGroup group) {
    return Optional.ofNullable(gates.get(group.id()))
        .map(sums -> new GateGradient(overWindows(sums.sum), overWindows(sums.squares)));
  }

  private ImmutableDoubleArray overWindows(double[] sums) {
    ImmutableDoubleArray.Builder means = ImmutableDoubleArray.builder(sums.length);
    for (double sum : sums) {
      means.add(sum / windows);
    }
    return means.build();
  }

  @Override
  public ImmutableMap<String, String> provenance() {
    return ImmutableMap.of("gradient", "backprop");
  }

  /** The blocks are computed forward twice. */
  @Override
  public long forwardPasses() {
    return 2;
  }

  @Override
  public void close() {
    owner.close();
  }
}
