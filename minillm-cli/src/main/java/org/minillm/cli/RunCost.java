package org.minillm.cli;

import com.google.common.base.Stopwatch;
import java.time.Duration;
import java.util.Locale;
import java.util.OptionalLong;
import org.minillm.core.runtime.ProcessMemory;

/** What a run costs: wall-clock time and the peak of the resident memory since it started. */
final class RunCost {

  private static final double NANOS_PER_SECOND = Duration.ofSeconds(1).toNanos();

  private final Stopwatch stopwatch = Stopwatch.createStarted();
  private final ProcessMemory memory = ProcessMemory.ofThisProcess();

  private RunCost() {}

  static RunCost start() {
    RunCost cost = new RunCost();
    // where the system cannot reset it, the peak is that of the process so far
    cost.memory.resetPeak();
    return cost;
  }

  double seconds() {
    return stopwatch.elapsed().toNanos() / NANOS_PER_SECOND;
  }

  /** In bytes; empty on systems that do not tell. */
  OptionalLong peak() {
    return memory.peakResidentBytes();
  }

  /** {@code seconds} and {@code peak_rss_bytes}; null where the system does not tell. */
  JsonReport addTo(JsonReport report) {
    return report.put("seconds", seconds()).put("peak_rss_bytes", peak());
  }

  @Override
  public String toString() {
    return String.format(Locale.ROOT, "%.1f s, %s at the peak", seconds(), peakWords());
  }

  String peakWords() {
    return peak().isPresent()
        ? String.format(Locale.ROOT, "%,d MB", peak().getAsLong() / 1_000_000)
        : "unknown memory";
  }
}
