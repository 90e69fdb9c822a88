package org.minillm.cli;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Criterion, gradient and calibration. */
final class MeasureOptions {

  @Option(
      names = "--criterion",
      paramLabel = "NAME",
      defaultValue = "fms",
      description =
          "Importance criterion, with its settings after a colon where wanted, such as"
              + " fms:aggregation=max.")
  String criterion = "";

  @Option(
      names = "--head-criterion",
      paramLabel = "NAME",
      description = "Importance criterion of the heads. Default: that of --criterion.")
  @Nullable String headCriterion;

  @Option(
      names = "--restore",
      paramLabel = "NAME",
      defaultValue = "none",
      description =
          "How the columns that stay make up for those that go, with its settings after a colon"
              + " where wanted: none, or least-squares:lambda=0.4.")
  String restoration = "";

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
      names = "--seed",
      paramLabel = "S",
      defaultValue = "0",
      description = "Seed of all randomness; the same seed gives the same plan.")
  long seed;

  @Option(
      names = "--samples",
      paramLabel = "N",
      defaultValue = "32",
      converter = OptionTypes.Count.class,
      description = "Calibration windows, evenly spaced over the text.")
  int samples;

  @Option(
      names = "--window",
      paramLabel = "T",
      defaultValue = "128",
      converter = OptionTypes.Window.class,
      description = "Tokens a calibration window.")
  int window;
}
