package org.minillm.cli;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Criterion, gradient and restoration. */
final class MeasureOptions {

  @Option(
      names = "--criterion",
      paramLabel = "NAME",
      description =
          "Importance criterion, with its settings after a colon where wanted, such as"
              + " fms:aggregation=max. Default: obs:damping=0.01,ridge=mean.")
  @Nullable String criterion;

  @Option(
      names = "--head-criterion",
      paramLabel = "NAME",
      description =
          "Importance criterion of the heads. Default: obs:tokens=stream,ridge=mean where"
              + " --criterion is not given, else that of --criterion.")
  @Nullable String headCriterion;

  @Option(
      names = "--gradient",
      paramLabel = "NAME",
      defaultValue = "spsa",
      description =
          "The estimate of the loss gradient, for criteria that use one: spsa or, for gates, gates"
              + " (forward passes only), or backprop, with its settings after a colon where"
              + " wanted, such as spsa:direction=signs; or none, which stands for 1 everywhere.")
  String gradient = "";

  @Option(
      names = "--probes",
      paramLabel = "P",
      defaultValue = "1",
      converter = OptionTypes.Count.class,
      description =
          "SPSA probes. They share the calibration set, so that all of them cost two forward"
              + " passes; --gradient spsa:data=all gives each the whole set.")
  int probes;

  @Option(
      names = "--epsilon",
      paramLabel = "E",
      defaultValue = "1e-3",
      converter = OptionTypes.Positive.class,
      description = "Size of an SPSA probe's step.")
  double epsilon;

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      defaultValue = "java",
      description =
          "Where the arithmetic of scores runs: java, or nd4j where minillm-nd4j and a backend of"
              + " ND4J's own are on the class path.")
  String backend = "";

  @Option(
      names = "--seed",
      paramLabel = "S",
      defaultValue = "0",
      description = "Seed of all randomness; the same seed gives the same plan.")
  long seed;
}
