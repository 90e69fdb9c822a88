package org.minillm.criteria;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Sets;
import java.io.IOException;
import java.util.Map;
import java.util.Set;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.evidence.BlockEvidence;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.plan.ImportanceCriterion;

/**
 * Weights and activations (Sun et al., arXiv 2306.11695): {@code S_ij = |W_ij| * ||X_j||_2}, made
 * structured by aggregating over the weights of a unit. W is a linear weight (out, in), X_j the
 * j-th input channel over all calibration tokens. A bias multiplies the constant 1, whose norm is
 * the root of the number of tokens.
 *
 * @param aggregation over all weights of a unit; SUM by default
 */
public record Wanda(Aggregation aggregation) implements ImportanceCriterion {

  // Refuses nulls.
  public Wanda {
    requireNonNull(aggregation, "aggregation");
  }

  /** The default, SUM; for {@link java.util.ServiceLoader}. */
  public Wanda() {
    this(Aggregation.SUM);
  }

  @Override
  public String name() {
    return "wanda";
  }

  @Override
  public Map<String, String> parameters() {
    return ImmutableMap.of("aggregation", Parameters.id(aggregation));
  }

  @Override
  public ImportanceCriterion with(Map<String, String> changes) {
    return new Wanda(new Parameters(this, changes).choice("aggregation", Aggregation.class));
  }

  @Override
  public Set<Evidence> requires() {
    return Sets.immutableEnumSet(Evidence.INPUT_STATISTICS);
  }

  @Override
  public double[] score(PruningGroup group, BlockEvidence evidence) throws IOException {
    return new WeightScore(requires(), 1, aggregation).score(group, evidence);
  }
}
