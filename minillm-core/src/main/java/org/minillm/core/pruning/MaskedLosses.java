package org.minillm.core.pruning;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.Lists;
import com.google.common.primitives.ImmutableDoubleArray;
import com.google.gson.JsonArray;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.minillm.core.calibration.CalibrationSet;
import org.minillm.core.journal.Journal;
import org.minillm.core.linalg.NotFiniteException;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.GroupId;
import org.minillm.core.model.GroupKind;
import org.minillm.core.model.InputTap;
import org.minillm.core.model.PassListener;
import org.minillm.core.model.Strand;
import org.minillm.core.model.Sweep;
import org.minillm.core.model.WeightTransform;

/**
 * Losses of masked models. The candidates are strands of a sweep that fork off the dense one where
 * they begin to differ from it; as many share a sweep as {@link Sweep#tokensPerSweep} allows.
 */
final class MaskedLosses implements CandidateLosses {

  /** Enough to tell allocations apart, of a set that is scored or restored with many more. */
  private static final int WINDOWS = 8;

  private static final String PASS = "losses";

  private final CausalLm model;
  private final List<ScoredGroup> scored;
  private final List<int[]> windows;
  private final long tokensOfTheSet;
  private final Journal journal;
  private final PassListener listener;
  private int sweeps;
  private long tokensThroughLayers;

  /**
   * Begins.
   *
   * @param model the dense model
   * @param scored all groups that may lose units, with the scores that choose which
   * @param data the windows are evenly spaced among its windows
   * @param journal where a sweep goes on
   * @param listener told of every layer of every sweep
   */
  MaskedLosses(
      CausalLm model,
      List<ScoredGroup> scored,
      CalibrationSet data,
      Journal journal,
      PassListener listener) {
    this.model = model;
    this.scored = scored;
    this.windows = someOf(data);
    this.tokensOfTheSet = data.tokens();
    this.journal = journal;
    this.listener = listener;
  }

  private static List<int[]> someOf(CalibrationSet data) {
    int count = Math.min(WINDOWS, data.windows().size());
    return IntStream.range(0, count)
        .map(i -> (int) ((i + 0.5) * data.windows().size() / count))
        .mapToObj(data.windows()::get)
        .toList();
  }

  /** Forecasts the bytes of the hidden states of a sweep, and of what the language head reads. */
  static long bytes(CausalLm model, CalibrationSet data) {
    long strand = (long) someOf(data).size() * data.window();
    // the dense strand and one beside it there are in any case
    long tokens = Math.max(2 * strand, Sweep.tokensPerSweep(model));
    return 2 * tokens * model.config().hiddenSize() * Float.BYTES;
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
    long strand = (long) windows.size() * windows.get(0).length;
    long strands = Math.max(2, Sweep.tokensPerSweep(model) / strand);
    // the dense strand comes along in every sweep
    List<List<Masked>> rounds = Lists.partition(ImmutableList.copyOf(masks), (int) strands - 1);
    Map<Masked, Double> losses = new HashMap<>();
    listener.passStarted(PASS, (long) layers() * rounds.size());
    for (List<Masked> round : rounds) {
      ImmutableDoubleArray found = found(round);
      for (int i = 0; i < round.size(); i++) {
        losses.put(round.get(i), found.get(i));
      }
      tokensThroughLayers += strand * layers();
      for (Masked mask : round) {
        tokensThroughLayers += strand * (layers() - mask.firstLayer());
      }
    }
    listener.passDone();
    return losses;
  }

  /** Takes the losses that an earlier run has measured, else measures them. */
  private ImmutableDoubleArray found(List<Masked> round) throws IOException {
    String pass = PASS + "-" + sweeps++;
    Optional<ImmutableDoubleArray> earlier =
        journal.findings(pass, losses -> losses.numbers(round.size()));
    if (earlier.isPresent()) {
      listener.stepsDone(layers());
      return earlier.get();
    }
    ImmutableDoubleArray losses = sweep(round, pass);
    JsonArray json = new JsonArray();
    losses.forEach(json::add);
    journal.finish(pass, json);
    return losses;
  }

  private ImmutableDoubleArray sweep(List<Masked> round, String pass) throws IOException {
    try (Sweep sweep = new Sweep(model)) {
      Strand dense = sweep.add(windows, WeightTransform.NONE, InputTap.NONE);
      List<Strand> strands = new ArrayList<>();
      for (Masked mask : round) {
        strands.add(
            mask.firstLayer() == layers()
                ? dense
                : sweep.fork(dense, mask.firstLayer(), new MaskedWeights(mask.table())));
      }
      sweep.run(journal, pass, listener);
      return ImmutableDoubleArray.copyOf(
          sweep.windowNegativeLogLikelihoods(strands).stream().mapToDouble(MaskedLosses::mean));
    }
  }

  private static double mean(double[] ofWindows) {
    double mean = Arrays.stream(ofWindows).average().orElseThrow();
    if (!Double.isFinite(mean)) {
      throw new NotFiniteException("the loss of a candidate is " + mean);
    }
    return mean;
  }
}
