package org.minillm.criteria;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.evidence.BlockEvidence;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.tensor.CounterRng;

/**
 * Uniform random scores in [0, 1): the floor that a criterion must rise above. Looks at nothing; a
 * score depends on the seed, the layer, the kind of group and the unit alone.
 *
 * @param seed another seed gives other scores
 */
public record RandomCriterion(long seed) implements ImportanceCriterion {

  /** Seed 0; for {@link java.util.ServiceLoader}. */
  public RandomCriterion() {
    this(0);
  }

  @Override
  public String name() {
    return "random";
  }

  @Override
  public Map<String, String> parameters() {
    return ImmutableMap.of("seed", Long.toString(seed));
  }

  @Override
  public ImportanceCriterion with(Map<String, String> changes) {
    return new RandomCriterion(new Parameters(this, changes).whole("seed"));
  }

  @Override
  public Set<Evidence> requires() {
    return ImmutableSet.of();
  }

  @Override
  public double[] score(PruningGroup group, BlockEvidence evidence) {
    long stream = CounterRng.stream(group.id().layer() + "." + group.id().kind().id());
    double[] scores = new double[group.units()];
    Arrays.setAll(scores, unit -> CounterRng.uniform(seed, stream, unit));
    return scores;
  }
}
