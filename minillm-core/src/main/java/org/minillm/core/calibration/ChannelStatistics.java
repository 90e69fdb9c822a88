package org.minillm.core.calibration;

/** To be written by H2. */
public final class ChannelStatistics {
  private ChannelStatistics() {}
}
