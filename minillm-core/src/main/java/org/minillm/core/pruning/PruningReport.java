package org.minillm.core.pruning;

import java.util.Arrays;
import java.util.List;
import org.minillm.core.checkpoint.TensorInfo;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.GroupKind;
import org.minillm.core.model.PruningGroup;

/**
 * What a plan removes.
 *
 * @param parametersBefore of the whole model, a tied head counted once
 * @param parametersAfter of the whole model
 * @param prunableParameters of the groups that the plan names
 * @param bytesBefore of the weights, as they are stored
 * @param bytesAfter of the weights, as they are stored
 * @param uniform true where all layers have the same shape, so that stock loaders can take the
 *     result
 */
public record PruningReport(
    long parametersBefore,
    long parametersAfter,
    long prunableParameters,
    long bytesBefore,
    long bytesAfter,
    boolean uniform) {

  /**
   * Adds up what a plan removes; nothing needs to be written for it.
   *
   * @param model the model that the plan was made for
   * @param plan which units stay
   * @return the report
   */
  public static PruningReport of(CausalLm model, PruningPlan plan) {
    List<PruningGroup> groups = model.groups(Arrays.asList(GroupKind.values()));
    long prunable = 0;
    long removed = 0;
    for (PruningGroup group : groups) {
      if (plan.groups().containsKey(group.id())) {
        long unit = group.weightsPerUnit(model::elements);
        prunable += unit * group.units();
        removed += unit * (group.units() - plan.keptCount(group.id(), group.units()));
      }
    }
    CutTable table = CutTable.of(plan, groups);
    long bytesBefore = 0;
    long bytesAfter = 0;
    for (TensorInfo tensor : model.checkpoint().tensors().values()) {
      bytesBefore += tensor.bytes();
      bytesAfter += table.cut(tensor.name()).map(cut -> cut.of(tensor)).orElse(tensor).bytes();
    }
    return new PruningReport(
        model.parameters(),
        model.parameters() - removed,
        prunable,
        bytesBefore,
        bytesAfter,
        plan.layerShapes(model.config()).stream().distinct().count() == 1);
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

  private long removed() {
    return parametersBefore - parametersAfter;
  }
}
