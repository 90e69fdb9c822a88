package org.minillm.lab;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.collect.ImmutableSet.toImmutableSet;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.evidence.BlockEvidence;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plugin.PluginSpec;
import org.minillm.criteria.Parameters;

/**
 * Several criteria as one, whatever they are: {@code combination:of=wanda*flap,by=rank_sum}. What
 * they need is collected once, in the same passes; scoring costs the sum of theirs. Both rules look
 * at one group at a time and make groups alike, so that the scores say nothing about which layer
 * matters more.
 *
 * @param of at least two criteria; as text their names joined by {@code *}, each with its settings
 *     after a colon, joined by {@code ;}: {@code taylor:form=vector*wanda:aggregation=max}
 * @param by PRODUCT by default
 */
public record Combination(ImmutableList<ImportanceCriterion> of, Rule by)
    implements ImportanceCriterion {

  /** How the scores of a group become one score a unit. */
  public enum Rule {
    /**
     * The product of the scores, each divided by its mean over the group. A negative score counts
     * as 0; a criterion whose scores are all 0 there has no say.
     */
    PRODUCT {
      @Override
      double[] combine(List<double[]> scores) {
        double[] result = new double[scores.get(0).length];
        Arrays.fill(result, 1);
        for (double[] own : scores) {
          multiply(result, own);
        }
        return result;
      }
    },

    /**
     * The sum of the ranks, 0 for the lowest score of the group; equal scores share their mean
     * rank.
     */
    RANK_SUM {
      @Override
      double[] combine(List<double[]> scores) {
        double[] result = new double[scores.get(0).length];
        for (double[] own : scores) {
          addRanks(result, own);
        }
        return result;
      }
    };

    abstract double[] combine(List<double[]> scores);
  }

  // Checks that there is something to combine, where anything was chosen.
  public Combination {
    requireNonNull(of, "of");
    requireNonNull(by, "by");
    checkArgument(
        of.size() != 1,
        "of \"%s\": expected at least two criteria, joined by *",
        PluginSpec.join(of));
  }

  /** Nothing to combine yet; for {@link java.util.ServiceLoader}. */
  public Combination() {
    this(ImmutableList.of(), Rule.PRODUCT);
  }

  @Override
  public String name() {
    return "combination";
  }

  @Override
  public Map<String, String> parameters() {
    return ImmutableMap.of("of", PluginSpec.join(of), "by", Parameters.id(by));
  }

  @Override
  public ImportanceCriterion with(Map<String, String> changes) {
    Parameters parameters = new Parameters(this, changes);
    return new Combination(
        parameters.plugins("of", ImportanceCriterion.class), parameters.choice("by", Rule.class));
  }

  @Override
  public Set<Evidence> requires() {
    checkArgument(
        !of.isEmpty(),
        "combination: of nothing; give at least two criteria, such as combination:of=wanda*flap");
    return of.stream()
        .flatMap(criterion -> criterion.requires().stream())
        .collect(toImmutableSet());
  }

  @Override
  public double[] score(PruningGroup group, BlockEvidence evidence) throws IOException {
    List<double[]> scores = new ArrayList<>();
    for (ImportanceCriterion criterion : of) {
      scores.add(criterion.score(group, evidence));
    }
    return by.combine(scores);
  }

  private static void multiply(double[] product, double[] scores) {
    double[] factors = Arrays.stream(scores).map(score -> Math.max(score, 0)).toArray();
    double mean = Arrays.stream(factors).average().orElseThrow();
    for (int unit = 0; unit < product.length && mean != 0; unit++) {
      product[unit] *= factors[unit] / mean;
    }
  }

  private static void addRanks(double[] sums, double[] scores) {
    Integer[] ascending = new Integer[scores.length];
    Arrays.setAll(ascending, unit -> unit);
    Arrays.sort(ascending, Comparator.comparingDouble(unit -> scores[unit]));
    for (int from = 0; from < ascending.length; ) {
      int to = from + 1;
      while (to < ascending.length && scores[ascending[to]] == scores[ascending[from]]) {
        to++;
      }
      for (int place = from; place < to; place++) {
        sums[ascending[place]] += (from + to - 1) / 2.0;
      }
      from = to;
    }
  }
}
