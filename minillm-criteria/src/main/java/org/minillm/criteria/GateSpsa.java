package org.minillm.criteria;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableListMultimap;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Multimaps;
import com.google.common.collect.Sets;
import com.google.common.primitives.ImmutableDoubleArray;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.evidence.GradientEstimate;
import org.minillm.core.evidence.GradientEstimator;
import org.minillm.core.evidence.GradientRequest;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.LossPass;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.tensor.CounterRng;

/**
 * Simultaneous perturbation of gates: what unit u hands to its consumer is multiplied by 1 +
 * epsilon z_u, z of independent signs (Spall, IEEE TAC 37, 1992), for all units of one kind at
 * once. Every window w of a batch has its own z, so that one pair of forward passes over N windows
 * is N probes:
 *
 * <p>a_wu = [L_w(1 + epsilon z_w) - L_w(1 - epsilon z_w)] / (2 epsilon) * z_wu,
 *
 * <p>L_w the loss of the window. The mean of a_wu over windows and pairs is an unbiased estimate of
 * the gradient of the gate, up to epsilon squared. The mean square over windows (the gate Fisher)
 * is estimated without bias from products of different pairs of the same window, [(sum_k a_k)^2 -
 * sum_k a_k^2] / (K (K - 1)); a plain square would count the noise, which is the same for all
 * units.
 *
 * <p>The noise of one probe is the length of the gradient over all gates of the kind, so this is
 * for heads: tens of units, where some dozens of probes tell much. With tens of thousands of
 * channels they tell nearly nothing. The time is that of 2 K forward passes a kind of group; the
 * memory that of a forward pass of two streams. An estimate is K numbers a window.
 *
 * @param pairs K, pairs of passes over the set, at least 2
 * @param epsilon the step
 * @param seed of all z
 */
public record GateSpsa(int pairs, double epsilon, long seed) implements GradientEstimator {

  /** With 32 windows 128 probes, at the price of eight forward passes. */
  private static final int DEFAULT_PAIRS = 4;

  // Checks the ranges.
  public GateSpsa {
    checkArgument(
        pairs > 1, "pairs %s: expected at least 2; a mean square takes products of two", pairs);
    checkArgument(pairs <= Spsa.MOST_PROBES, "pairs %s: expected 2 to %s", pairs, Spsa.MOST_PROBES);
    checkArgument(
        epsilon > 0 && epsilon < 1, "epsilon %s: expected a number between 0 and 1", epsilon);
  }

  /** Four pairs, seed 0; for the service loader. */
  public GateSpsa() {
    this(DEFAULT_PAIRS, Spsa.DEFAULT_EPSILON, 0);
  }

  @Override
  public String name() {
    return "gates";
  }

  @Override
  public Map<String, String> parameters() {
    return ImmutableMap.of(
        "pairs", Integer.toString(pairs),
        "epsilon", Double.toString(epsilon),
        "seed", Long.toString(seed));
  }

  @Override
  public GradientEstimator with(Map<String, String> changes) {
    Parameters parameters = new Parameters(this, changes);
    return new GateSpsa(
        parameters.count("pairs"), parameters.number("epsilon"), parameters.whole("seed"));
  }

  @Override
  public Set<Evidence> provides() {
    return Sets.immutableEnumSet(Evidence.GATE_GRADIENT);
  }

  @Override
  public GradientEstimate estimate(PassRunner runner, CalibrationSet data, GradientRequest request)
      throws IOException {
    ImmutableListMultimap.Builder<GroupKind, Measured> passes = ImmutableListMultimap.builder();
    ImmutableSet<GroupKind> kinds = request.kinds(Evidence.GATE_GRADIENT);
    for (GroupKind kind : kinds) {
      for (int pair = 0; pair < pairs; pair++) {
        passes.put(kind, pass(runner.model(), data, kind, pair));
      }
    }
    ImmutableListMultimap<GroupKind, Measured> all = passes.build();
    runner.run(name(), all.values().stream().map(Measured::pass).toList());
    return new GateSpsaEstimate(
        ImmutableListMultimap.copyOf(Multimaps.transformValues(all, this::slopes)),
        provenance("gradient"),
        2L * pairs * kinds.size());
  }

  /** A pair of streams, of which each window has a z of its own. */
  private record Measured(long seed, LossPass pass) {}

  private Measured pass(CausalLm model, CalibrationSet data, GroupKind kind, int pair) {
    long own = CounterRng.bits(seed, CounterRng.stream("gates " + kind.id()), pair);
    ImmutableList<PruningGroup> groups = model.groups(List.of(kind));
    ForwardPass forward = new ForwardPass(model, name() + "-" + kind.id() + "-" + pair);
    forward.add(data.windows(), WeightTransform.NONE, new GateNoise(groups, own, epsilon));
    forward.add(data.windows(), WeightTransform.NONE, new GateNoise(groups, own, -epsilon));
    return new Measured(own, new LossPass(forward, forward.streams()));
  }

  /** The slope of every window's loss along its own z. */
  private GateSpsaEstimate.Pair slopes(Measured measured) {
    ImmutableDoubleArray plus = measured.pass.losses().get(0);
    ImmutableDoubleArray minus = measured.pass.losses().get(1);
    ImmutableDoubleArray.Builder slopes = ImmutableDoubleArray.builder(plus.length());
    for (int w = 0; w < plus.length(); w++) {
      slopes.add((plus.get(w) - minus.get(w)) / (2 * epsilon));
    }
    return new GateSpsaEstimate.Pair(measured.seed, slopes.build());
  }
}
