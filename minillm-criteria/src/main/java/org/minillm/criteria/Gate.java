package org.minillm.criteria;

import com.google.common.collect.Sets;
import java.util.Set;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.evidence.BlockEvidence;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.plan.ImportanceCriterion;

/**
 * The first-order effect of a unit on the loss: the absolute gradient of its gate, {@code |dL/ds|},
 * s = 1 a factor on what the unit hands to its consumer (Michel et al., arXiv 1905.10650, for
 * heads). Windows that pull in opposite directions cancel; see {@link GateFisher}. It costs what
 * the gradient costs: exact by {@link Backprop}, noisy by {@link GateSpsa}; scoring itself is free.
 */
public record Gate() implements ImportanceCriterion {

  @Override
  public String name() {
    return "gate";
  }

  @Override
  public Set<Evidence> requires() {
    return Sets.immutableEnumSet(Evidence.GATE_GRADIENT);
  }

  @Override
  public double[] score(PruningGroup group, BlockEvidence evidence) {
    double[] scores = evidence.gateGradient(group).mean().toArray();
    for (int unit = 0; unit < scores.length; unit++) {
      scores[unit] = Math.abs(scores[unit]);
    }
    return scores;
  }
}
