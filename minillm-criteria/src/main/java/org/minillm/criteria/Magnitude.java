package org.minillm.criteria;

import com.google.common.collect.ImmutableSet;
import java.io.IOException;
import java.util.Set;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.evidence.BlockEvidence;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.plan.ImportanceCriterion;

/**
 * The L2 norm of all weights of a unit, over all slices of its group. Needs no forward pass; the
 * baseline that every criterion is compared with.
 */
public record Magnitude() implements ImportanceCriterion {

  @Override
  public String name() {
    return "magnitude";
  }

  @Override
  public Set<Evidence> requires() {
    return ImmutableSet.of();
  }

  @Override
  public double[] score(PruningGroup group, BlockEvidence evidence) throws IOException {
    double[] scores = new WeightScore(requires(), 2, Aggregation.SUM).score(group, evidence);
    for (int unit = 0; unit < scores.length; unit++) {
      scores[unit] = Math.sqrt(scores[unit]);
    }
    return scores;
  }
}
