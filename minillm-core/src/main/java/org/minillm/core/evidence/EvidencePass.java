package org.minillm.core.evidence;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.ImmutableSetMultimap;
import com.google.gson.JsonElement;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.files.JsonNode;
import org.minillm.core.journal.Findings;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.Layer;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.Observer;
import org.minillm.core.runtime.Pass;
import org.minillm.core.runtime.ResidualStream;

/**
 * Shows the evidence of each layer as soon as it is complete: a layer's activations, statistics and
 * weights are in memory together, and gone when the next layer is at work. It takes the dense
 * model's stream along where the evidence is of activations, and none where weights are all there
 * is to see. The language head is not needed and not computed.
 */
public final class EvidencePass implements Pass {

  /** A sum in double, with a product in float32 and in double, or with a factor in double. */
  private static final int BYTES_OF_A_MOMENT = 20;

  /** Units of several channels are scored by blocks of an inverse: made of a factor and of ones. */
  private static final int BYTES_OF_A_MOMENT_AND_ITS_INVERSE = 32;

  private final CausalLm model;
  private final ImmutableSetMultimap<GroupKind, Evidence> required;
  private final GradientEstimate gradient;
  private final LayerVisitor visitor;
  private final Observer<EvidenceSums> observer;
  private final List<ResidualStream> streams;
  private final long tokens;

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
   * Begins.
   *
   * @param model the dense model; read only
   * @param data the calibration set; may be null where no activations are asked for
   * @param required what is collected for each kind of group; nothing else is
   * @param gradient the estimate, {@link GradientEstimate#NONE} where none was asked for
   * @param visitor shown the layers, from the first to the last
   */
  public EvidencePass(
      CausalLm model,
      @Nullable CalibrationSet data,
      ImmutableSetMultimap<GroupKind, Evidence> required,
      GradientEstimate gradient,
      LayerVisitor visitor) {
    requireNonNull(model, "model");
    requireNonNull(required, "required");
    requireNonNull(gradient, "gradient");
    requireNonNull(visitor, "visitor");
    this.model = model;
    this.required = required;
    this.gradient = gradient;
    this.visitor = visitor;
    this.observer =
        EvidenceSums.at(EvidenceSums.points(model, required), model.compute().kernels());
    this.tokens = data == null ? 0 : data.tokens();
    this.streams =
        data != null && EvidenceSums.takeAPassFor(required.values())
            ? List.of(ResidualStream.of(model, data.windows()))
            : List.of();
  }

  @Override
  public String name() {
    return "score";
  }

  @Override
  public int layers() {
    return model.config().layers().size();
  }

  @Override
  public List<ResidualStream> streams() {
    return streams;
  }

  /**
   * Counts the passes over the calibration set.
   *
   * @return 1, or 0 where weights are all there is to see
   */
  public int forwardPasses() {
    return streams.size();
  }

  /**
   * Forecasts what the pass needs in memory.
   *
   * @return the streams, and the second moments of one layer
   */
  public MemoryForecast memoryForecast() {
    return EvidenceSums.areSquaresFor(required.values())
        ? MemoryForecast.of(this, model).plus(bytesOfMoments(model, required.keySet()))
        : MemoryForecast.of(this, model);
  }

  /**
   * Counts the bytes of the second moments of one consumer and of what is solved with them.
   *
   * @param model the model
   * @param kinds of the groups whose consumers are meant
   * @return of the largest of them
   */
  public static long bytesOfMoments(CausalLm model, Iterable<GroupKind> kinds) {
    requireNonNull(model, "model");
    requireNonNull(kinds, "kinds");
    return model.groups(ImmutableSet.copyOf(kinds)).stream()
        .mapToLong(
            group -> {
              int width = group.consumer().width();
              long channels = (long) group.units() * width;
              return channels
                  * channels
                  * (width == 1 ? BYTES_OF_A_MOMENT : BYTES_OF_A_MOMENT_AND_ITS_INVERSE);
            })
        .max()
        .orElse(0);
  }

  @Override
  public void layer(Layer layer) throws IOException {
    try (EvidenceSums sums =
            streams.isEmpty()
                ? observer.begin(layer.owner())
                : layer.advance(streams.get(0), WeightTransform.NONE, observer);
        NDManager scratch = layer.owner().newSubManager();
        NDScope scope = new NDScope()) {
      scope.suppressNotUsedWarning();
      visitor.visit(
          layer.index(),
          new LayerEvidence(
              required,
              gradient,
              layer.weights(),
              sums,
              tokens,
              scratch,
              model.compute().kernels()));
    }
  }

  @Override
  public JsonElement toJson() {
    return visitor.toJson();
  }

  @Override
  public void resume(int layers, JsonNode json) throws IOException {
    visitor.resume(layers, json);
  }
}
