package org.minillm.criteria;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Sets;
import java.io.IOException;
import java.util.Map;
import java.util.Set;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.evidence.BlockEvidence;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.evidence.TokenWeights;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.tensor.Reduction;

/**
 * What a unit adds to the residual stream: {@code sum_t w_t x_tj^2 * ||W_:j||^2}, x_j the input
 * channels and W_:j the columns of the consumer that the unit owns, summed over these. The limit of
 * {@link Obs} for a large damping. One forward pass and two numbers a channel.
 *
 * @param tokens w: EQUAL makes it a sum of squares; STREAM compares what is added with the stream
 *     that it is added to, so that scores of different layers can be compared
 */
public record Energy(TokenWeights tokens) implements ImportanceCriterion {

  // Refuses nulls.
  public Energy {
    requireNonNull(tokens, "tokens");
  }

  /** Equal tokens; for {@link java.util.ServiceLoader}. */
  public Energy() {
    this(TokenWeights.EQUAL);
  }

  @Override
  public String name() {
    return "energy";
  }

  @Override
  public Map<String, String> parameters() {
    return ImmutableMap.of("tokens", Parameters.id(tokens));
  }

  @Override
  public ImportanceCriterion with(Map<String, String> changes) {
    return new Energy(new Parameters(this, changes).choice("tokens", TokenWeights.class));
  }

  @Override
  public Set<Evidence> requires() {
    return Sets.immutableEnumSet(Evidence.statistics(tokens));
  }

  @Override
  public double[] score(PruningGroup group, BlockEvidence evidence) throws IOException {
    TensorSlice consumer = group.consumer();
    double[] norms = evidence.inputs(consumer, tokens).norms();
    return evidence
        .kernels()
        .reduce(
            consumer.terms(evidence.weight(consumer)).inputNorms(norms).exponent(2), Reduction.SUM);
  }
}
