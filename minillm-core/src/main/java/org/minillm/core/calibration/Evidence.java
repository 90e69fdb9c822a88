package org.minillm.core.calibration;

/** What a criterion can ask for beyond the weights. Only what is asked for is collected. */
public enum Evidence {
  /** Count, mean and variance of every input channel: one forward pass. */
  INPUT_STATISTICS,

  /** An estimate of the loss gradient of every prunable weight, by a {@link GradientEstimator}. */
  GRADIENT
}
