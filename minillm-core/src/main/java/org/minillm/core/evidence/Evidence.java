package org.minillm.core.evidence;

/** What a criterion can ask for beyond the weights. Only what is asked for is collected. */
public enum Evidence {
  /** Count, mean and variance of every input channel: one forward pass. */
  INPUT_STATISTICS,

  /** The same with tokens that count by {@link TokenWeights#STREAM}. */
  WEIGHTED_INPUT_STATISTICS,

  /** X^T X of the inputs of every consumer: one forward pass, and a matrix of n x n a group. */
  SECOND_MOMENTS,

  /** The same with tokens that count by {@link TokenWeights#STREAM}. */
  WEIGHTED_SECOND_MOMENTS,

  /** An estimate of the loss gradient of every prunable weight, by a {@link GradientEstimator}. */
  GRADIENT,

  /** An estimate of the loss gradient of the gate of every unit, by a {@link GradientEstimator}. */
  GATE_GRADIENT;

  /**
   * Names the statistics of the input channels.
   *
   * @param weights how much a token counts
   * @return the evidence to ask for
   */
  public static Evidence statistics(TokenWeights weights) {
    return weights == TokenWeights.EQUAL ? INPUT_STATISTICS : WEIGHTED_INPUT_STATISTICS;
  }

  /**
   * Names the second moments.
   *
   * @param weights how much a token counts
   * @return the evidence to ask for
   */
  public static Evidence secondMoments(TokenWeights weights) {
    return weights == TokenWeights.EQUAL ? SECOND_MOMENTS : WEIGHTED_SECOND_MOMENTS;
  }
}
