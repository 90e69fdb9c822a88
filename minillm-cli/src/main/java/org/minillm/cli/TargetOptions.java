package org.minillm.cli;

import com.google.common.collect.ImmutableSet;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.minillm.core.plan.PruningTarget;
import picocli.CommandLine.Help;
import picocli.CommandLine.Option;

/** How much goes, and within which bounds. */
final class TargetOptions {

  @Option(
      names = "--ratio",
      paramLabel = "R",
      defaultValue = "0.2",
      converter = OptionTypes.Ratio.class,
      description = "Pruning ratio: the part of the parameters in the chosen groups to remove.")
  double ratio;

  @Option(
      names = "--groups",
      paramLabel = "KIND",
      defaultValue = "channels",
      converter = OptionTypes.Groups.class,
      description =
          "${COMPLETION-CANDIDATES}: MLP channels, key-value heads with their query heads, or"
              + " both.")
  PrunedGroups groups = PrunedGroups.CHANNELS;

  @Option(
      names = "--allocation",
      paramLabel = "NAME",
      description =
          "How the ratio is divided among the layers, with its settings after a colon where"
              + " wanted: uniform, trapezoid, global:mix=0.3."
              + " Default: trapezoid where something is restored, else uniform.")
  @Nullable String allocation;

  @Option(
      names = "--multiple-of",
      paramLabel = "N",
      showDefaultValue = Help.Visibility.NEVER,
      converter = OptionTypes.Count.class,
      description =
          "Keep a multiple of N channels in each layer: quantisers leave rows of other lengths than"
              + " a multiple of 32 as large as they are. Default: 256 or 32 where the layers are wide"
              + " enough, else 1.")
  int multipleOf = PruningTarget.AS_THE_WIDTH_ALLOWS;

  @Option(
      names = "--minimum-units",
      paramLabel = "N",
      defaultValue = "1",
      converter = OptionTypes.Count.class,
      description = "Keep at least N units in every group.")
  int minimumUnits;

  @Option(
      names = "--keep-layers",
      paramLabel = "L,L,...",
      hideParamSyntax = true,
      showDefaultValue = Help.Visibility.NEVER,
      split = ",",
      converter = OptionTypes.Index.class,
      description = "Layers to leave whole, from 0, such as 0,1,29; the others give the more.")
  List<Integer> keepLayers = new ArrayList<>();

  PruningTarget asTarget() {
    return new PruningTarget(
        ratio, groups.kinds(), multipleOf, minimumUnits, ImmutableSet.copyOf(keepLayers));
  }
}
