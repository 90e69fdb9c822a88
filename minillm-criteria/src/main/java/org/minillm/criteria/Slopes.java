package org.minillm.criteria;

import com.google.common.primitives.ImmutableDoubleArray;
import com.google.gson.JsonArray;
import java.io.IOException;
import java.util.Optional;
import org.minillm.core.journal.Journal;
import org.minillm.core.model.PassListener;

/** Slopes of the loss along directions: what one sweep of perturbed streams finds. */
final class Slopes {

  private Slopes() {}

  /** Runs a sweep. */
  interface Measurement {
    ImmutableDoubleArray measure() throws IOException;
  }

  /**
   * Takes the slopes that an earlier run has measured from the journal, else measures them.
   *
   * @param journal of the run
   * @param pass name of the sweep there
   * @param listener told of {@code steps} steps where there is nothing to measure
   * @param steps of the measurement
   * @param count of the slopes
   * @param measurement the sweep
   */
  static ImmutableDoubleArray of(
      Journal journal,
      String pass,
      PassListener listener,
      long steps,
      int count,
      Measurement measurement)
      throws IOException {
    Optional<ImmutableDoubleArray> earlier =
        journal.findings(pass, slopes -> slopes.numbers(count));
    if (earlier.isPresent()) {
      listener.stepsDone(steps);
      return earlier.get();
    }
    ImmutableDoubleArray slopes = measurement.measure();
    JsonArray json = new JsonArray();
    slopes.forEach(json::add);
    journal.finish(pass, json);
    return slopes;
  }
}
