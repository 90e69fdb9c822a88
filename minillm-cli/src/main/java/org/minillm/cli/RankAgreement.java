package org.minillm.cli;

import com.google.common.primitives.ImmutableDoubleArray;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.DoubleStream;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.evaluation.RankCorrelation;

/**
 * How well an estimate ranks units, as rank correlations with the truth. What ranks is the absolute
 * value. A figure is NaN where there is nothing to rank.
 *
 * @param withinLayers units against those of the same group: the mean over the groups
 * @param overModel units against those of all layers; NaN where they are of several kinds, which do
 *     not compare
 * @param ofLayers layers against each other, each by the sum of its units
 */
record RankAgreement(double withinLayers, double overModel, double ofLayers) {

  /**
   * What is known about the units of one group.
   *
   * @param estimated one number a unit
   * @param exact the true ones
   */
  record Group(GroupId id, double[] estimated, double[] exact) {}

  static RankAgreement of(List<Group> groups) {
    boolean comparable = groups.stream().map(group -> group.id.kind()).distinct().count() == 1;
    return new RankAgreement(
        groups.stream()
            .mapToDouble(group -> correlation(group.estimated, group.exact))
            .filter(correlation -> !Double.isNaN(correlation))
            .average()
            .orElse(Double.NaN),
        comparable
            ? correlation(all(groups, Group::estimated), all(groups, Group::exact))
            : Double.NaN,
        correlation(sums(groups, Group::estimated), sums(groups, Group::exact)));
  }

  private static double[] all(List<Group> groups, Function<Group, double[]> values) {
    return groups.stream().map(values).flatMapToDouble(Arrays::stream).toArray();
  }

  /** One sum a layer, signs kept. */
  private static double[] sums(List<Group> groups, Function<Group, double[]> values) {
    int layers = groups.stream().mapToInt(group -> group.id.layer() + 1).max().orElse(0);
    double[] sums = new double[layers];
    groups.forEach(group -> sums[group.id.layer()] += DoubleStream.of(values.apply(group)).sum());
    return sums;
  }

  private static double correlation(double[] estimated, double[] exact) {
    return RankCorrelation.of(sizes(estimated), sizes(exact));
  }

  private static ImmutableDoubleArray sizes(double[] values) {
    return ImmutableDoubleArray.copyOf(Arrays.stream(values).map(Math::abs));
  }
}
