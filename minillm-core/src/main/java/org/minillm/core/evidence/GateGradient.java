package org.minillm.core.evidence;

import static java.util.Objects.requireNonNull;

import com.google.common.primitives.ImmutableDoubleArray;

/**
 * The loss gradient of the gates of one group. The gate of a unit is a factor, 1 in the model as it
 * is, on all that the unit hands to its consumer; so the gradient of a gate is the sum of W * g
 * over the unit's weights of the consumer.
 *
 * @param mean one a unit: the gradient of the mean loss, in nats
 * @param meanSquare one a unit: the mean over the calibration windows of the squared gradient of
 *     the window's own loss (the diagonal of the empirical Fisher information); an unbiased
 *     estimate of it may be negative
 */
public record GateGradient(ImmutableDoubleArray mean, ImmutableDoubleArray meanSquare) {

  // Refuses nulls.
  public GateGradient {
    requireNonNull(mean, "mean");
    requireNonNull(meanSquare, "meanSquare");
  }
}
