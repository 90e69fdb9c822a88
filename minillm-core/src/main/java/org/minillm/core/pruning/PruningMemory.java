package org.minillm.core.pruning;

import java.util.Collection;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.minillm.core.calibration.CalibrationSet;
import org.minillm.core.calibration.Evidence;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.GroupKind;
import org.minillm.core.model.MemoryForecast;
import org.minillm.core.model.PruningGroup;

/** What pruning holds in memory beside blocks and micro-batches. */
final class PruningMemory {

  /** The dense stream. */
  private static final int STREAMS_OF_EVIDENCE = 1;

  /** Both perturbed streams, and of each what the language head reads. */
  private static final int STREAMS_OF_AN_ESTIMATE = 4;

  /** The dense and the pruned stream, one of them before and after a layer, the dense sums. */
  private static final int STREAMS_OF_A_RESTORATION = 4;

  /** A sum in double, with a product in float32 and in double, or with a factor in double. */
  private static final int BYTES_OF_A_MOMENT = 20;

  /** Units of several channels are scored by blocks of an inverse: made of a factor and of ones. */
  private static final int BYTES_OF_A_MOMENT_AND_ITS_INVERSE = 32;

  private PruningMemory() {}

  /** Forecasts the largest of scoring, measuring losses and restoring. */
  static MemoryForecast forecast(
      CausalLm model,
      CalibrationSet data,
      Set<Evidence> evidence,
      boolean measuresLosses,
      @Nullable Restoration restoration,
      Collection<GroupKind> kinds) {
    boolean gradient =
        evidence.contains(Evidence.GRADIENT) || evidence.contains(Evidence.GATE_GRADIENT);
    boolean squares =
        evidence.contains(Evidence.SECOND_MOMENTS)
            || evidence.contains(Evidence.WEIGHTED_SECOND_MOMENTS);
    int streams = gradient ? STREAMS_OF_AN_ESTIMATE : STREAMS_OF_EVIDENCE;
    long ofPasses =
        (restoration != null ? ofARestoration(restoration, kinds) : streams)
            * bytesOfAStream(model, data);
    long ofLosses = measuresLosses ? MaskedLosses.bytes(model, data) : 0;
    return forecast(
        model,
        data,
        Math.max(ofPasses, ofLosses),
        squares || restoration != null ? kinds : Set.of());
  }

  /** Forecasts the restoration of a plan that cuts some kinds of groups. */
  static MemoryForecast ofARestoration(
      CausalLm model, CalibrationSet data, Restoration restoration, Collection<GroupKind> kinds) {
    return forecast(
        model, data, ofARestoration(restoration, kinds) * bytesOfAStream(model, data), kinds);
  }

  /** More than any evidence and any estimate takes. */
  private static int ofARestoration(Restoration restoration, Collection<GroupKind> kinds) {
    int ofDenseInputs = restoration.valueRestoration().isPresent() ? 1 : 0;
    int ofNoise = restoration.noise() > 0 ? 1 : 0;
    return STREAMS_OF_A_RESTORATION + ofDenseInputs + ofNoise + kinds.size();
  }

  private static long bytesOfAStream(CausalLm model, CalibrationSet data) {
    return data.tokens() * model.config().hiddenSize() * Float.BYTES;
  }

  private static MemoryForecast forecast(
      CausalLm model, CalibrationSet data, long streamBytes, Collection<GroupKind> squared) {
    return model
        .memoryForecast(data.window())
        .withStreams(streamBytes)
        .plus(
            model.groups(squared).stream()
                .mapToLong(PruningMemory::bytesOfMoments)
                .max()
                .orElse(0));
  }

  private static long bytesOfMoments(PruningGroup group) {
    int width = group.consumer().width();
    long channels = (long) group.units() * width;
    return channels
        * channels
        * (width == 1 ? BYTES_OF_A_MOMENT : BYTES_OF_A_MOMENT_AND_ITS_INVERSE);
  }
}
