package org.minillm.core.cut;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.StockLoader;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.plan.CutTable;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.runtime.CausalLm;

/**
 * What a plan removes.
 *
 * @param parametersBefore of the whole model, a tied head counted once
 * @param parametersAfter of the whole model, zeros of removed units not counted
 * @param prunableParameters of the groups that the plan names
 * @param bytesBefore of the weights, as they are stored
 * @param bytesAfter of the weights, in the form in which they are written
 * @param macsBefore a token, see {@link CausalLm#macsPerToken()}
 * @param macsAfter a token
 * @param stockLoaderObstacles why releases of Hugging Face transformers cannot load the result, in
 *     plain words; without those that can
 * @param reasonForCode why stock classes alone cannot load the result, where the code that can
 *     comes along in its folder; else empty
 * @param logitsDifference how far, at most, a logit of what was written and opened again is from
 *     that of the masked model; empty where nothing was written, nothing that can be opened, or
 *     where the memory budget has no room for it
 */
public record PruningReport(
    long parametersBefore,
    long parametersAfter,
    long prunableParameters,
    long bytesBefore,
    long bytesAfter,
    long macsBefore,
    long macsAfter,
    ImmutableMap<StockLoader, String> stockLoaderObstacles,
    Optional<String> reasonForCode,
    OptionalDouble logitsDifference) {

  // Refuses nulls.
  public PruningReport {
    requireNonNull(stockLoaderObstacles, "stockLoaderObstacles");
    requireNonNull(reasonForCode, "reasonForCode");
    requireNonNull(logitsDifference, "logitsDifference");
  }

  /**
   * Adds up what a plan removes; nothing needs to be written for it.
   *
   * @param model the model that the plan was made for
   * @param plan which units stay
   * @param export the form in which the result is, or would be, written
   * @return the report
   */
  public static PruningReport of(CausalLm model, PruningPlan plan, Export export) {
    requireNonNull(model, "model");
    requireNonNull(plan, "plan");
    requireNonNull(export, "export");
    List<PruningGroup> groups = model.groups(Arrays.asList(GroupKind.values()));
    long prunable = 0;
    long removed = 0;
    long removedMacs = 0;
    for (PruningGroup group : groups) {
      if (plan.groups().containsKey(group.id())) {
        long unit = group.weightsPerUnit(model::elements);
        prunable += unit * group.units();
        int removedUnits = group.units() - plan.keptCount(group.id(), group.units());
        removed += unit * removedUnits;
        removedMacs += group.macsPerUnit(model::elements) * removedUnits;
      }
    }
    ImmutableList<LayerShape> layers = layers(model, plan, export);
    ImmutableMap<StockLoader, String> obstacles = stockLoaderObstacles(model, export, layers);
    return new PruningReport(
        model.parameters(),
        model.parameters() - removed,
        prunable,
        model.checkpoint().tensors().values().stream().mapToLong(TensorInfo::bytes).sum(),
        bytesAfter(
            model, layers, export, export.cuts() ? CutTable.of(plan, groups) : CutTable.NOTHING),
        model.macsPerToken(),
        model.macsPerToken() - (export.cuts() ? removedMacs : 0),
        obstacles,
        export.isFolder() && obstacles.isEmpty()
            ? model.decoder().stockLoaderObstacle(layers)
            : Optional.empty(),
        OptionalDouble.empty());
  }

  private static ImmutableMap<StockLoader, String> stockLoaderObstacles(
      CausalLm model, Export export, List<LayerShape> layers) {
    ImmutableMap.Builder<StockLoader, String> obstacles = ImmutableMap.builder();
    for (StockLoader loader : StockLoader.values()) {
      export
          .stockLoaderObstacle(loader, model, layers)
          .ifPresent(why -> obstacles.put(loader, why));
    }
    return obstacles.buildOrThrow();
  }

  /** The same report, with what came of opening what was written. */
  PruningReport withLogitsDifference(double difference) {
    return new PruningReport(
        parametersBefore,
        parametersAfter,
        prunableParameters,
        bytesBefore,
        bytesAfter,
        macsBefore,
        macsAfter,
        stockLoaderObstacles,
        reasonForCode,
        OptionalDouble.of(difference));
  }

  /** The shapes that are written: the dense model's where removed units are zeros. */
  static ImmutableList<LayerShape> layers(CausalLm model, PruningPlan plan, Export export) {
    return export.cuts() ? plan.layerShapes(model.config()) : model.config().layers();
  }

  private static long bytesAfter(
      CausalLm model, List<LayerShape> layers, Export export, CutTable table) {
    return export.bytes(
        model,
        layers,
        model.checkpoint().tensors().values().stream()
            .map(tensor -> table.cut(tensor.name()).map(cut -> cut.of(tensor)).orElse(tensor))
            .toList());
  }

  /**
   * Returns the part of the prunable parameters that went.
   *
   * @return between 0 and 1
   */
  public double prunableRatio() {
    return prunableParameters == 0 ? 0 : (double) removed() / prunableParameters;
  }

  /**
   * Returns the part of all parameters that went.
   *
   * @return between 0 and 1
   */
  public double modelRatio() {
    return (double) removed() / parametersBefore;
  }

  /**
   * Returns why not every release of Hugging Face transformers can load the result.
   *
   * @return the first reason; empty where all can
   */
  public Optional<String> stockLoaderObstacle() {
    return stockLoaderObstacles.values().stream().findFirst();
  }

  private long removed() {
    return parametersBefore - parametersAfter;
  }
}
