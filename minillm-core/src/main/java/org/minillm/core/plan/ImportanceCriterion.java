package org.minillm.core.plan;

import java.io.IOException;
import java.util.Set;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.evidence.BlockEvidence;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.plugin.ConfigurablePlugin;

/**
 * Scores the units of one group; higher is more worth keeping. Stateless, thread-safe and
 * deterministic. The simplest one has a name, asks for no evidence, and scores.
 */
public interface ImportanceCriterion extends ConfigurablePlugin<ImportanceCriterion> {

  /**
   * Says what must be collected; nothing else is.
   *
   * @return the evidence that {@link #score} asks for; empty where the weights are enough
   */
  Set<Evidence> requires();

  /**
   * Returns this criterion with the settings that suit a kind of group best, for recipes that name
   * it without settings.
   *
   * @param kind what the units are
   * @return itself, unless overridden
   */
  default ImportanceCriterion defaultsFor(GroupKind kind) {
    return this;
  }

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
