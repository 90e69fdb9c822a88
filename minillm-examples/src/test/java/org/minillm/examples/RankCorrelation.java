package org.minillm.examples;

import com.google.common.primitives.ImmutableDoubleArray;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * Spearman's rank correlation, 1 - 6 sum(d^2) / (n (n^2 - 1)), d the difference of the two ranks of
 * an item. For scores without ties, as sums of many weights are; of equal ones the lower index
 * ranks first.
 */
final class RankCorrelation {

  private RankCorrelation() {}

  static double of(ImmutableDoubleArray one, ImmutableDoubleArray other) {
    int[] ranks = ranks(one);
    int[] otherRanks = ranks(other);
    double squares = 0;
    for (int i = 0; i < ranks.length; i++) {
      double difference = ranks[i] - otherRanks[i];
      squares += difference * difference;
    }
    double n = ranks.length;
    return 1 - 6 * squares / (n * (n * n - 1));
  }

  private static int[] ranks(ImmutableDoubleArray scores) {
    int[] order =
        IntStream.range(0, scores.length())
            .boxed()
            .sorted(Comparator.comparingDouble(scores::get))
            .mapToInt(Integer::intValue)
            .toArray();
    int[] ranks = new int[order.length];
    for (int rank = 0; rank < order.length; rank++) {
      ranks[order[rank]] = rank;
    }
    return ranks;
  }
}
