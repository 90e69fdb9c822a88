package org.minillm.core.evidence;

import static com.google.common.base.Preconditions.checkState;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableSetMultimap;
import com.google.common.primitives.ImmutableDoubleArray;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.architecture.WeightSource;
import org.minillm.core.tensor.ChannelStatistics;
import org.minillm.core.tensor.Kernels;

/**
 * What is known about one layer: hands out what was asked for, and refuses the rest.
 *
 * @param required what was collected
 * @param gradient may be anybody's: what it makes is checked
 * @param weights of the layer
 * @param sums over the tokens
 * @param tokens of the calibration set
 * @param owner where arrays hang that are made here
 * @param kernels of the model
 */
record LayerEvidence(
    ImmutableSetMultimap<GroupKind, Evidence> required,
    GradientEstimate gradient,
    WeightSource weights,
    EvidenceSums sums,
    long tokens,
    NDManager owner,
    Kernels kernels)
    implements BlockEvidence {

  @Override
  public NDArray weight(TensorSlice slice) throws IOException {
    return weights.read(slice.tensor(), owner);
  }

  @Override
  public Optional<NDArray> gradient(TensorSlice slice) throws IOException {
    requireCollected(Evidence.GRADIENT);
    Shape shape = weight(slice).getShape();
    Optional<NDArray> found = gradient.gradient(slice.tensor(), shape, owner);
    found.ifPresent(
        array ->
            checkState(
                array.getShape().equals(shape) && array.getDataType() == DataType.FLOAT32,
                "%s: the gradient of %s is %s %s, expected FLOAT32 %s",
                estimator(),
                slice.tensor(),
                array.getDataType(),
                array.getShape(),
                shape));
    return found;
  }

  private String estimator() {
    return "gradient estimator " + gradient.provenance().get("gradient");
  }

  @Override
  public GateGradient gateGradient(PruningGroup group) {
    requireCollected(Evidence.GATE_GRADIENT);
    GateGradient found =
        gradient
            .gates(group)
            .orElseThrow(() -> new IllegalStateException("no gate gradient of " + group.id()));
    requireOneAUnit("mean", found.mean(), group);
    requireOneAUnit("mean square", found.meanSquare(), group);
    return found;
  }

  private void requireOneAUnit(String what, ImmutableDoubleArray values, PruningGroup group) {
    checkState(
        values.length() == group.units() && values.stream().allMatch(Double::isFinite),
        "%s: the %s of the gates' gradient of %s is %s numbers, expected %s finite ones",
        estimator(),
        what,
        group.id(),
        values.length(),
        group.units());
  }

  @Override
  public ChannelStatistics inputs(TensorSlice slice, TokenWeights tokenWeights) {
    Evidence kind = requireCollected(Evidence.statistics(tokenWeights));
    if (slice.isBias()) {
      return ChannelStatistics.constantOne(tokens);
    }
    return found(sums.statistics(kind, requireNonNull(slice.input())), slice);
  }

  @Override
  public NDArray secondMoments(TensorSlice consumer, TokenWeights tokenWeights) {
    Evidence kind = requireCollected(Evidence.secondMoments(tokenWeights));
    return found(sums.moments(kind, requireNonNull(consumer.input())), consumer);
  }

  private Evidence requireCollected(Evidence evidence) {
    checkState(
        required.containsValue(evidence),
        "%s was not collected: the criterion's requires() does not name it",
        evidence);
    return evidence;
  }

  private static <T> T found(@Nullable T found, TensorSlice slice) {
    checkState(found != null, "nothing was seen at %s, the input of %s", slice.input(), slice);
    return found;
  }
}
