package org.minillm.core.prune;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.Lists;
import com.google.common.primitives.ImmutableDoubleArray;
import java.io.IOException;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.plan.CandidateLosses;
import org.minillm.core.plan.CutTable;
import org.minillm.core.plan.MaskedWeights;
import org.minillm.core.plan.ModelFingerprint;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.plan.ScoredGroup;
import org.minillm.core.plan.UnitSelection;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.LossPass;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.runtime.ResidualStream;
import org.minillm.core.tensor.NotFiniteException;

/**
 * Losses of masked models. The candidates are streams of a pass that fork off the dense one where
 * they begin to differ from it; as many share a pass as {@link ForwardPass#tokensAtOnce} allows.
 */
final class MaskedLosses implements CandidateLosses {

  /** Enough to tell allocations apart, of a set that is scored or restored with many more. */
  private static final int WINDOWS = 8;

  private static final String PASS = "losses";

  private final CausalLm model;
  private final List<ScoredGroup> scored;
  private final List<int[]> windows;
  private final long tokensOfTheSet;
  private final PassRunner runner;
  private int passes;
  private long tokensThroughLayers;

  /**
   * Begins.
   *
   * @param runner runs the passes; knows the dense model
   * @param scored all groups that may lose units, with the scores that choose which
   * @param data the windows are evenly spaced among its windows
   */
  MaskedLosses(PassRunner runner, List<ScoredGroup> scored, CalibrationSet data) {
    this.runner = runner;
    this.model = runner.model();
    this.scored = scored;
    this.windows = someOf(data);
    this.tokensOfTheSet = data.tokens();
  }

  private static List<int[]> someOf(CalibrationSet data) {
    int count = Math.min(WINDOWS, data.windows().size());
    return IntStream.range(0, count)
        .map(i -> (int) ((i + 0.5) * data.windows().size() / count))
        .mapToObj(data.windows()::get)
        .toList();
  }

  /** Forecasts a pass: the hidden states of its streams, and what the language head reads. */
  static MemoryForecast memoryForecast(CausalLm model, CalibrationSet data) {
    long stream = (long) someOf(data).size() * data.window();
    // the dense stream and one beside it there are in any case
    long tokens = Math.max(2 * stream, ForwardPass.tokensAtOnce(model));
    return model
        .memoryForecast(data.window())
        .withStreams(2 * tokens * model.config().hiddenSize() * Float.BYTES);
  }

  /**
   * Says what was measured so far.
   *
   * @return in passes of the whole calibration set through all layers, rounded up
   */
  long forwardPasses() {
    long tokensOfAPass = tokensOfTheSet * layers();
    return (tokensThroughLayers + tokensOfAPass - 1) / tokensOfAPass;
  }

  private int layers() {
    return model.config().layers().size();
  }

  /** A candidate, spelled out. */
  private record Masked(CutTable table, int firstLayer) {}

  @Override
  public ImmutableDoubleArray of(List<? extends Map<GroupId, Integer>> candidates)
      throws IOException {
    ModelFingerprint fingerprint = ModelFingerprint.of(model);
    List<Masked> masks = candidates.stream().map(counts -> masked(fingerprint, counts)).toList();
    Map<Masked, Double> losses = measured(new LinkedHashSet<>(masks));
    return ImmutableDoubleArray.copyOf(masks.stream().mapToDouble(losses::get));
  }

  private Masked masked(ModelFingerprint fingerprint, Map<GroupId, Integer> counts) {
    Map<GroupId, Integer> all = new TreeMap<>();
    scored.forEach(group -> all.put(group.id(), counts.getOrDefault(group.id(), group.units())));
    PruningPlan plan = new PruningPlan(fingerprint, UnitSelection.kept(scored, all), Map.of());
    int first =
        scored.stream()
            .filter(group -> requireNonNull(all.get(group.id())) < group.units())
            .mapToInt(group -> group.id().layer())
            .min()
            .orElse(layers());
    Set<GroupKind> kinds =
        scored.stream().map(group -> group.id().kind()).collect(Collectors.toSet());
    return new Masked(CutTable.of(plan, model.groups(kinds)), first);
  }

  private Map<Masked, Double> measured(Set<Masked> masks) throws IOException {
    long stream = (long) windows.size() * windows.get(0).length;
    long streams = Math.max(2, ForwardPass.tokensAtOnce(model) / stream);
    // the dense stream comes along in every pass
    List<List<Masked>> rounds = Lists.partition(ImmutableList.copyOf(masks), (int) streams - 1);
    List<LossPass> all = rounds.stream().map(this::pass).toList();
    runner.run(PASS, all);
    Map<Masked, Double> losses = new HashMap<>();
    for (int round = 0; round < rounds.size(); round++) {
      List<Masked> together = rounds.get(round);
      tokensThroughLayers += stream * layers();
      for (int i = 0; i < together.size(); i++) {
        losses.put(together.get(i), mean(all.get(round).losses().get(i)));
        tokensThroughLayers += stream * (layers() - together.get(i).firstLayer());
      }
    }
    return losses;
  }

  private LossPass pass(List<Masked> round) {
    ForwardPass forward = new ForwardPass(model, PASS + "-" + passes++);
    ResidualStream dense = forward.add(windows, WeightTransform.NONE, BlockTap.NONE);
    return new LossPass(
        forward,
        round.stream()
            .map(
                mask ->
                    mask.firstLayer() == layers()
                        ? dense
                        : forward.fork(dense, mask.firstLayer(), new MaskedWeights(mask.table())))
            .toList());
  }

  private static double mean(ImmutableDoubleArray ofWindows) {
    double mean = ofWindows.stream().average().orElseThrow();
    if (!Double.isFinite(mean)) {
      throw new NotFiniteException("the loss of a candidate is " + mean);
    }
    return mean;
  }
}
