package org.minillm.cli;

import com.google.common.collect.ImmutableMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The recipe, and what differs from it in criterion and gradient. */
final class MeasureOptions {

  @Option(
      names = "--recipe",
      paramLabel = "RECIPE",
      description =
          "Where all choices are taken from that no other option makes: a file as 'minillm recipe'"
              + " prints it, or best, paper, or a recipe in one word such as"
              + " wanda+least-squares~uniform. Default: best.")
  @Nullable String recipe;

  @Option(
      names = "--criterion",
      paramLabel = "NAME",
      description =
          "Importance criterion, with its settings after a colon where wanted, such as"
              + " fms:aggregation=max. Default: obs.")
  @Nullable String criterion;

  @Option(
      names = "--head-criterion",
      paramLabel = "NAME",
      description = "Importance criterion of the heads. Default: that of --criterion.")
  @Nullable String headCriterion;

  @Option(
      names = "--gradient",
      paramLabel = "NAME",
      description =
          "The estimate of the loss gradient, for criteria that use one: spsa or, for gates, gates"
              + " (forward passes only), or backprop, with its settings after a colon where"
              + " wanted, such as spsa:direction=signs; or none, which stands for 1 everywhere."
              + " Default: spsa.")
  @Nullable String gradient;

  @Option(
      names = "--probes",
      paramLabel = "P",
      converter = OptionTypes.Count.class,
      description =
          "SPSA probes. They share the calibration set, so that all of them cost two forward"
              + " passes; --gradient spsa:data=all gives each the whole set. Default: 1.")
  private @Nullable Integer probes;

  @Option(
      names = "--epsilon",
      paramLabel = "E",
      converter = OptionTypes.Positive.class,
      description = "Size of an SPSA probe's step. Default: 1e-3.")
  private @Nullable Double epsilon;

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      defaultValue = "java",
      description =
          "What sums, solves and draws: java, or nd4j where minillm-nd4j and a backend of"
              + " ND4J's own are on the class path.")
  String backend = "";

  @Option(
      names = "--seed",
      paramLabel = "S",
      description =
          "Seed of all randomness; the same seed gives the same plan. Default: that of the recipe,"
              + " 0.")
  private @Nullable Long seed;

  /** What plug-ins are given where they have such settings. */
  Map<String, String> offered() {
    ImmutableMap.Builder<String, String> offered = ImmutableMap.builder();
    put(offered, "seed", seed);
    put(offered, "probes", probes);
    put(offered, "epsilon", epsilon);
    return offered.buildOrThrow();
  }

  private static void put(
      ImmutableMap.Builder<String, String> offered, String name, @Nullable Number value) {
    if (value != null) {
      offered.put(name, value.toString());
    }
  }
}
