package org.minillm.core.pruning;

/**
 * What a cut removed.
 *
 * @param parametersBefore of the whole model, a tied head counted once
 * @param parametersAfter of the whole model
 * @param prunableParameters of the groups that the plan names
 * @param bytesBefore of the weight files
 * @param bytesAfter of the weight files
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
