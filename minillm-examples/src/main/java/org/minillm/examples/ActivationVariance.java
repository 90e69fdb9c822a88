package org.minillm.examples;

import java.util.Set;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.evidence.BlockEvidence;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.tensor.ChannelStatistics;

/**
 * A unit whose activations hardly vary can go: its score is the variance of the activations that it
 * hands to its consumer, summed over the unit's channels.
 */
public record ActivationVariance() implements ImportanceCriterion {

  @Override
  public String name() {
    return "activation_variance";
  }

  @Override
  public Set<Evidence> requires() {
    return Set.of(Evidence.INPUT_STATISTICS);
  }

  @Override
  public double[] score(PruningGroup group, BlockEvidence evidence) {
    TensorSlice consumer = group.consumer();
    ChannelStatistics inputs = evidence.inputs(consumer);
    double[] scores = new double[group.units()];
    for (int channel = 0; channel < inputs.channels(); channel++) {
      scores[channel / consumer.width()] += inputs.variance(channel);
    }
    return scores;
  }
}
