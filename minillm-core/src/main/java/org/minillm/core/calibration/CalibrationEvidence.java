package org.minillm.core.calibration;

import static com.google.common.base.Preconditions.checkState;
import static java.util.Objects.requireNonNull;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.common.collect.ImmutableSetMultimap;
import com.google.common.collect.SetMultimap;
import com.google.common.collect.Sets;
import com.google.common.primitives.ImmutableDoubleArray;
import java.io.IOException;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.minillm.core.journal.Findings;
import org.minillm.core.journal.Journal;
import org.minillm.core.journal.PassState;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.GroupKind;
import org.minillm.core.model.PassListener;
import org.minillm.core.model.PruningGroup;
import org.minillm.core.model.Sweep;
import org.minillm.core.model.TensorSlice;
import org.minillm.core.model.WeightSource;
import org.minillm.core.model.WeightTransform;
import org.minillm.core.plugin.Plugins;

/**
 * Runs the passes that the evidence asked for needs, and shows the evidence of each layer as soon
 * as it is complete: a layer's activations, statistics and weights are in memory together, and gone
 * when the next layer is at work.
 *
 * @param required what is collected for each kind of group; nothing else is
 * @param gradient the estimate, {@link GradientEstimate#NONE} where none was asked for
 * @param backend where scores are computed
 */
public record CalibrationEvidence(
    ImmutableSetMultimap<GroupKind, Evidence> required,
    GradientEstimate gradient,
    ScoreBackend backend)
    implements AutoCloseable {

  private static final String PASS = "score";

  // Refuses nulls.
  public CalibrationEvidence {
    requireNonNull(required, "required");
    requireNonNull(gradient, "gradient");
    requireNonNull(backend, "backend");
  }

  /** Shown the evidence of one layer after the other; tells what it has found in them. */
  public interface LayerVisitor extends Findings {

    /**
     * A layer's evidence is complete.
     *
     * @param layer from 0
     * @param evidence valid during the call
     * @throws IOException if the checkpoint cannot be read
     */
    void visit(int layer, BlockEvidence evidence) throws IOException;
  }

  /**
   * Estimates the gradient, where it is asked for.
   *
   * @param model the model; read only
   * @param data the calibration set; may be null where no evidence is asked for
   * @param required what is to be collected, for each kind of group that will be scored
   * @param estimator makes the gradient; null where the gradient is to be 1 everywhere
   * @param backend where scores are computed
   * @param listener told of the progress
   * @param journal where the estimator goes on
   * @return evidence whose other passes {@link #visitLayers} runs; to be closed
   * @throws IOException if the checkpoint cannot be read
   * @throws IllegalArgumentException if there is no calibration set and one is needed, or a
   *     gradient is asked for that the estimator does not make
   */
  public static CalibrationEvidence prepare(
      CausalLm model,
      @Nullable CalibrationSet data,
      SetMultimap<GroupKind, Evidence> required,
      @Nullable GradientEstimator estimator,
      ScoreBackend backend,
      PassListener listener,
      Journal journal)
      throws IOException {
    requireNonNull(model, "model");
    requireNonNull(required, "required");
    requireNonNull(backend, "backend");
    requireNonNull(listener, "listener");
    requireNonNull(journal, "journal");
    if (!required.isEmpty() && data == null) {
      throw new IllegalArgumentException(
          "no calibration set: the criterion needs "
              + Sets.immutableEnumSet(required.values())
              + "; give a calibration text");
    }
    GradientRequest request = GradientRequest.within(required);
    requireProvided(request, estimator);
    GradientEstimate gradient =
        request.evidence().isEmpty() || estimator == null || data == null
            ? GradientEstimate.NONE
            : estimator.estimate(model, data, request, listener, journal);
    checkState(
        gradient != null,
        "gradient estimator %s: its estimate is null",
        estimator == null ? "none" : estimator.name());
    return new CalibrationEvidence(ImmutableSetMultimap.copyOf(required), gradient, backend);
  }

  private static void requireProvided(
      GradientRequest request, @Nullable GradientEstimator estimator) {
    Set<Evidence> provided =
        estimator == null ? Sets.immutableEnumSet(Evidence.GRADIENT) : estimator.provides();
    Set<Evidence> missing = Sets.difference(request.evidence(), provided);
    if (!missing.isEmpty()) {
      String makers =
          Plugins.all(GradientEstimator.class).values().stream()
              .filter(other -> other.provides().containsAll(request.evidence()))
              .map(GradientEstimator::name)
              .collect(Collectors.joining(", "));
      throw new IllegalArgumentException(
          String.format(
              "the criterion needs %s, which the gradient estimator %s does not make; %s",
              missing,
              estimator == null ? "none" : estimator.name(),
              makers.isEmpty() ? "nor does any other" : "expected one of " + makers));
    }
  }

  /** Frees what native memory the gradient holds. */
  @Override
  public void close() {
    gradient.close();
  }

  /**
   * Counts the passes over the calibration set that are run.
   *
   * @return passes of all kinds
   */
  public long forwardPasses() {
    return gradient.forwardPasses() + (EvidencePass.isNeededFor(required.values()) ? 1 : 0);
  }

  /**
   * Shows every layer: in one forward pass where the evidence takes one. The language head is not
   * needed and not computed.
   *
   * @param model the model; read only
   * @param data the calibration set; may be null where no pass is needed
   * @param listener told of the progress, a step a layer
   * @param journal where the pass goes on
   * @param visitor shown the layers that were not done in an earlier run, from the first to the
   *     last
   * @throws IOException if the checkpoint cannot be read
   */
  public void visitLayers(
      CausalLm model,
      @Nullable CalibrationSet data,
      PassListener listener,
      Journal journal,
      LayerVisitor visitor)
      throws IOException {
    int layers = model.config().layers().size();
    listener.passStarted(PASS, layers);
    try (NDManager owner = NDManager.newBaseManager(Device.cpu(), CausalLm.ENGINE)) {
      EvidencePass pass = new EvidencePass(EvidencePass.points(model, required), owner);
      Sweep.LayerVisitor step =
          (layer, weights) -> {
            long tokens = data == null ? 0 : data.tokens();
            visit(visitor, layer, weights, pass, tokens);
            pass.layerDone();
            listener.stepDone();
          };
      if (data != null && EvidencePass.isNeededFor(required.values())) {
        try (Sweep sweep = new Sweep(model)) {
          sweep.add(data.windows(), WeightTransform.NONE, pass);
          resume(sweep, journal, visitor, listener);
          sweep.run(
              (layer, weights) -> {
                step.visit(layer, weights);
                journal.saveIfDue(
                    PASS, () -> new PassState(layer + 1, visitor.toJson(), sweep.streams()));
              });
        }
      } else {
        for (int layer = 0; layer < layers; layer++) {
          try (var weights = model.layer(layer)) {
            step.visit(layer, weights);
          }
        }
      }
    }
    listener.passDone();
  }

  private static void resume(
      Sweep sweep, Journal journal, LayerVisitor visitor, PassListener listener)
      throws IOException {
    Optional<PassState> earlier = journal.resume(PASS, sweep::fits, visitor);
    if (earlier.isPresent()) {
      sweep.resume(earlier.get());
      listener.stepsDone(earlier.get().layers());
    }
  }

  private void visit(
      LayerVisitor visitor, int layer, WeightSource weights, EvidencePass pass, long tokens)
      throws IOException {
    try (NDManager scratch = NDManager.newBaseManager(Device.cpu(), CausalLm.ENGINE);
        NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      visitor.visit(layer, new OfBlock(weights, pass, tokens, scratch));
    }
  }

  private final class OfBlock implements BlockEvidence {
    private final WeightSource weights;
    private final EvidencePass pass;
    private final long tokens;
    private final NDManager owner;

    OfBlock(WeightSource weights, EvidencePass pass, long tokens, NDManager owner) {
      this.weights = weights;
      this.pass = pass;
      this.tokens = tokens;
      this.owner = owner;
    }

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
      return found(pass.statistics(kind, requireNonNull(slice.input())), slice);
    }

    @Override
    public NDArray secondMoments(TensorSlice consumer, TokenWeights tokenWeights) {
      Evidence kind = requireCollected(Evidence.secondMoments(tokenWeights));
      return found(pass.moments(kind, requireNonNull(consumer.input())), consumer);
    }

    @Override
    public ScoreBackend backend() {
      return backend;
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
}
