package org.minillm.core.evaluation;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.google.common.math.PairedStatsAccumulator;
import com.google.common.primitives.ImmutableDoubleArray;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Spearman's rank correlation (American Journal of Psychology 15, 1904): the correlation of the
 * ranks, 1 where two lists of scores order the units alike, 0 where they have nothing to do with
 * each other, -1 where one is the other's reverse. Equal scores share the mean of their ranks.
 */
public final class RankCorrelation {

  private RankCorrelation() {}

  /**
   * Compares two lists of scores.
   *
   * @param one a score a unit
   * @param other a score for each of the same units
   * @return between -1 and 1; NaN where one of the lists has no order: fewer than two units, or all
   *     equal
   * @throws IllegalArgumentException if the lists differ in length
   */
  public static double of(ImmutableDoubleArray one, ImmutableDoubleArray other) {
    requireNonNull(one, "one");
    requireNonNull(other, "other");
    checkArgument(
        one.length() == other.length(),
        "%s scores and %s, expected as many",
        one.length(),
        other.length());
    double[] ranks = ranks(one);
    double[] otherRanks = ranks(other);
    PairedStatsAccumulator paired = new PairedStatsAccumulator();
    for (int unit = 0; unit < ranks.length; unit++) {
      paired.add(ranks[unit], otherRanks[unit]);
    }
    boolean ordered =
        ranks.length > 1
            && paired.xStats().populationVariance() > 0
            && paired.yStats().populationVariance() > 0;
    return ordered ? paired.pearsonsCorrelationCoefficient() : Double.NaN;
  }

  private static double[] ranks(ImmutableDoubleArray scores) {
    List<Integer> ascending =
        IntStream.range(0, scores.length())
            .boxed()
            .sorted(Comparator.comparingDouble(scores::get))
            .toList();
    double[] ranks = new double[scores.length()];
    for (int from = 0; from < ranks.length; ) {
      int to = from + 1;
      while (to < ranks.length
          && scores.get(ascending.get(to)) == scores.get(ascending.get(from))) {
        to++;
      }
      for (int place = from; place < to; place++) {
        ranks[ascending.get(place)] = (from + to - 1) / 2.0;
      }
      from = to;
    }
    return ranks;
  }
}
