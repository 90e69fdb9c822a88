package org.minillm.cli;

import static java.util.Objects.requireNonNull;

import com.google.common.base.Stopwatch;
import com.google.common.collect.ImmutableList;
import com.google.common.math.Stats;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.ResidualStream;

/**
 * What the steps of pruning cost beside forward passes over the same windows that do nothing else:
 * in one process, in turns, so that what slows the machine down slows all of them.
 */
final class PassBenchmark {

  private static final double NANOS_PER_SECOND = 1e9;

  /** A step of pruning. */
  private interface Work {
    /**
     * Does it.
     *
     * @return the forward passes that it counts itself
     */
    OptionalLong run() throws IOException;
  }

  /** A step and how long it took, round after round. */
  static final class Step {
    private final String name;
    private final Work work;
    private final List<Double> seconds = new ArrayList<>();
    private OptionalLong passes = OptionalLong.empty();

    private Step(String name, Work work) {
      this.name = name;
      this.work = work;
    }

    private void run(boolean counts) throws IOException {
      Stopwatch stopwatch = Stopwatch.createStarted();
      passes = work.run();
      if (counts) {
        seconds.add(stopwatch.elapsed().toNanos() / NANOS_PER_SECOND);
      }
    }

    String name() {
      return name;
    }

    /** The forward passes over all windows that are part of it; empty where it has others. */
    OptionalLong passes() {
      return passes;
    }

    /** The mean of the rounds. */
    double seconds() {
      return Stats.meanOf(seconds);
    }
  }

  private final CausalLm model;
  private final CalibrationSet calibration;
  private final Path scratch;
  private MemoryForecast reserved;
  private final Step layers = new Step("layers", this::runLayers);
  private final Step losses = new Step("layers and language head", this::runLosses);
  private final List<Step> all = new ArrayList<>(List.of(layers, losses));

  /**
   * Prepares.
   *
   * @param model the dense model, used by nobody else meanwhile
   * @param calibration the windows of all passes
   * @param scratch a folder for pruned models, each in the place of the one before; the caller's to
   *     delete
   */
  PassBenchmark(CausalLm model, CalibrationSet calibration, Path scratch) {
    this.model = model;
    this.calibration = calibration;
    this.scratch = scratch;
    this.reserved =
        model
            .memoryForecast(calibration.window())
            .withStreams(2 * calibration.tokens() * model.config().hiddenSize() * Float.BYTES);
  }

  /** Forecasts the hungriest of the steps. */
  MemoryForecast memoryForecast() {
    return reserved;
  }

  /** Adds the two steps of a method: to plan, and to restore and write. */
  void add(PruningMethod method, PruningTarget target) {
    StructuredPruner pruner = method.recipe().pruner(target).overwrite(true).build();
    CalibrationSet read = pruner.readsText() ? calibration : null;
    MemoryForecast needed = pruner.memoryForecast(model, read);
    if (needed.smallestBudget() > reserved.smallestBudget()) {
      reserved = needed;
    }
    Planned planned = new Planned(pruner, read);
    all.add(new Step(method.word() + ": plan", planned::plan));
    all.add(new Step(method.word() + ": write", planned::write));
  }

  /** A pruner and its last plan, which its two steps share. */
  private final class Planned {
    private final StructuredPruner pruner;
    private final @Nullable CalibrationSet read;
    private @Nullable PruningPlan plan;

    Planned(StructuredPruner pruner, @Nullable CalibrationSet read) {
      this.pruner = pruner;
      this.read = read;
    }

    OptionalLong plan() throws IOException {
      plan = pruner.plan(model, read);
      return OptionalLong.of(Long.parseLong(plan.provenance().get("forward_passes")));
    }

    OptionalLong write() throws IOException {
      pruner.apply(model, requireNonNull(plan), read, scratch);
      return OptionalLong.empty();
    }
  }

  /**
   * Runs all steps in turn, once without notes (layers are read, code is compiled), then round
   * after round.
   */
  ImmutableList<Step> run(int rounds, CliProgress progress) throws IOException {
    progress.passStarted("passes", (rounds + 1L) * all.size());
    for (int round = 0; round <= rounds; round++) {
      for (Step step : all) {
        step.run(round > 0);
        progress.stepDone();
      }
    }
    progress.passDone();
    return ImmutableList.copyOf(all);
  }

  /** How many passes through the layers alone would have taken as long as a step. */
  double inLayers(Step step) {
    return step.seconds() / layers.seconds();
  }

  /** How many passes with the language head would have taken as long as a step. */
  double inLosses(Step step) {
    return step.seconds() / losses.seconds();
  }

  private OptionalLong runLayers() throws IOException {
    try (ForwardPass pass = begun()) {
      pass.add(calibration.windows(), WeightTransform.NONE, BlockTap.NONE);
      pass.run();
    }
    return OptionalLong.of(1);
  }

  private OptionalLong runLosses() throws IOException {
    try (ForwardPass pass = begun()) {
      ResidualStream stream = pass.add(calibration.windows(), WeightTransform.NONE, BlockTap.NONE);
      pass.run();
      pass.windowLosses(List.of(stream));
    }
    return OptionalLong.of(1);
  }

  /** With as many layers in memory as the hungriest of the pruners leaves there. */
  private ForwardPass begun() {
    model.reserve(reserved);
    return new ForwardPass(model);
  }
}
