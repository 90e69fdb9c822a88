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
 * Feature map sensitivity, the hybrid criterion of MINI-LLM (arXiv 2407.11681): {@code S_ij = |W_ij
 * * g_ij| * ||X_j||_2}, aggregated over the weights of a unit. W is a linear weight (out, in), g
 * the loss gradient of W, X_j the j-th input channel over all calibration tokens.
 *
 * <p>The paper's full text was not at hand: the formula is read from its abstract and from public
 * descriptions. Where there is no gradient it stands for 1 everywhere, which makes this {@link
 * Wanda}. A bias multiplies the constant 1, whose norm is the root of the number of tokens.
 *
 * @param aggregation over all weights of a unit; SUM by default
 */
public record Fms(Aggregation aggregation) implements ImportanceCriterion {

  // Refuses nulls.
  public Fms {
    requireNonNull(aggregation, "aggregation");
  }

  /** The default, SUM; for {@link java.util.ServiceLoader}. */
  public Fms() {
    this(Aggregation.SUM);
  }

  @Override
  public String name() {
    return "fms";
  }

  @Override
  public Map<String, String> parameters() {
    return ImmutableMap.of("aggregation", Parameters.id(aggregation));
  }

  @Override
  public ImportanceCriterion with(Map<String, String> changes) {
    return new Fms(new Parameters(this, changes).choice("aggregation", Aggregation.class));
  }

  @Override
  public Set<Evidence> requires() {
    return Sets.immutableEnumSet(Evidence.INPUT_STATISTICS, Evidence.GRADIENT);
  }

  @Override
  public double[] score(PruningGroup group, BlockEvidence evidence) throws IOException {
    return new WeightScore(requires(), 1, aggregation).score(group, evidence);
  }
}
