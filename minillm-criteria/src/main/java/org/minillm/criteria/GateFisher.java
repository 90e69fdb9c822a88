package org.minillm.criteria;

import com.google.common.collect.Sets;
import java.util.Set;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.evidence.BlockEvidence;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.plan.ImportanceCriterion;

/**
 * The mean over the calibration windows of the squared gradient of a unit's gate, {@code E_w
 * [(dL_w/ds)^2]}, L_w the loss of a window: the diagonal of the empirical Fisher information, twice
 * the second-order estimate of what the loss rises by when the gate is closed (Kwon et al., arXiv
 * 2204.09656). It costs what the gradient costs: exact by {@link Backprop}; by {@link GateSpsa} it
 * is noisy and may be negative, which means nothing more than small.
 */
public record GateFisher() implements ImportanceCriterion {

  @Override
  public String name() {
    return "gate-fisher";
  }

  @Override
  public Set<Evidence> requires() {
    return Sets.immutableEnumSet(Evidence.GATE_GRADIENT);
  }

  @Override
  public double[] score(PruningGroup group, BlockEvidence evidence) {
    return evidence.gateGradient(group).meanSquare().toArray();
  }
}
