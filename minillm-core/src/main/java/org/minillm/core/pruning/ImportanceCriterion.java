package org.minillm.core.pruning;

import java.io.IOException;
import java.util.Map;
import java.util.Set;
import org.minillm.core.calibration.BlockEvidence;
import org.minillm.core.calibration.Evidence;
import org.minillm.core.model.PruningGroup;

/**
 * Scores the units of one group; higher is more worth keeping. Stateless, thread-safe and
 * deterministic. Found by {@link java.util.ServiceLoader}; two with the same name are an error.
 */
public interface ImportanceCriterion {

  /**
   * Returns the stable name, written into plans and used to look the criterion up.
   *
   * @return for example {@code fms}
   */
  String name();

  /**
   * Returns the settings that change the scores, for the plan.
   *
   * @return names and values, accepted by {@link #with}
   */
  default Map<String, String> parameters() {
    return Map.of();
  }

  /**
   * Returns this criterion with other settings.
   *
   * @param parameters some of the names of {@link #parameters()}, with new values
   * @return a configured copy
   * @throws IllegalArgumentException if a name or value is not understood; the message lists what
   *     is
   */
  default ImportanceCriterion with(Map<String, String> parameters) {
    if (parameters.isEmpty()) {
      return this;
    }
    throw new IllegalArgumentException(
        "criterion "
            + name()
            + " has no parameter "
            + String.join(", ", parameters.keySet())
            + "; it takes "
            + (parameters().isEmpty() ? "none" : String.join(", ", parameters().keySet())));
  }

  /**
   * Says what must be collected; nothing else is.
   *
   * @return the evidence that {@link #score} asks for; empty where the weights are enough
   */
  Set<Evidence> requires();

  /**
   * Scores one group.
   *
   * @param group the units and their slices
   * @param evidence weights, statistics and gradient of the group's layer
   * @return one finite number a unit
   * @throws IOException if the checkpoint cannot be read
   */
  double[] score(PruningGroup group, BlockEvidence evidence) throws IOException;
}
