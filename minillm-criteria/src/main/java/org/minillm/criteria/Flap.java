package org.minillm.criteria;

import com.google.common.collect.Sets;
import java.io.IOException;
import java.util.Arrays;
import java.util.Set;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.evidence.BlockEvidence;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.tensor.ChannelStatistics;
import org.minillm.core.tensor.Reduction;

/**
 * The fluctuation of FLAP (An et al., arXiv 2312.11983): {@code Var(x_j) * ||W_:j||^2}, x_j the
 * input channels and W_:j the columns of the consumer that the unit owns, summed over these. What
 * does not fluctuate is a constant, which a bias could replace. One forward pass and two numbers a
 * channel.
 *
 * <p>The variance is the unbiased one over all calibration tokens. FLAP's own program updates a
 * running variance with a mean that it has overwritten already; that is not repeated here.
 */
public record Flap() implements ImportanceCriterion {

  @Override
  public String name() {
    return "flap";
  }

  @Override
  public Set<Evidence> requires() {
    return Sets.immutableEnumSet(Evidence.INPUT_STATISTICS);
  }

  @Override
  public double[] score(PruningGroup group, BlockEvidence evidence) throws IOException {
    TensorSlice consumer = group.consumer();
    ChannelStatistics inputs = evidence.inputs(consumer);
    double[] deviations = new double[inputs.channels()];
    Arrays.setAll(deviations, channel -> Math.sqrt(inputs.variance(channel)));
    double[] scores =
        evidence
            .kernels()
            .reduce(
                consumer.terms(evidence.weight(consumer)).inputNorms(deviations).exponent(2),
                Reduction.SUM);
    return WeightScore.requireFinite(scores, group);
  }
}
