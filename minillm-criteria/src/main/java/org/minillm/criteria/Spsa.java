package org.minillm.criteria;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDManager;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.primitives.ImmutableDoubleArray;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.evidence.GradientEstimate;
import org.minillm.core.evidence.GradientEstimator;
import org.minillm.core.evidence.GradientRequest;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.LossPass;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.tensor.CounterRng;
import org.minillm.criteria.Perturbation.Direction;

/**
 * Simultaneous perturbation stochastic approximation (Spall 1992), as MINI-LLM (arXiv 2407.11681)
 * and MeZO (arXiv 2305.17333) use it: with every prunable weight moved by epsilon z at once,
 *
 * <p>g ~ (1/P) sum_k [L(W + epsilon z_k) - L(W - epsilon z_k)] / (2 epsilon) * z_k,
 *
 * <p>L the mean next-token cross-entropy. z is a function of seed, tensor and index; it is added to
 * a copy while a block is opened, so an estimate is P pairs (seed, coefficient) and the memory is
 * that of a forward pass. The estimate is unbiased up to epsilon squared and very noisy: with n
 * weights its cosine with the true gradient is about sqrt(P / n).
 *
 * @param probes P, the number of directions
 * @param epsilon the step
 * @param seed of the first direction; the others follow from it
 * @param direction the law of z
 * @param data which windows a probe sees
 */
public record Spsa(int probes, double epsilon, long seed, Direction direction, Data data)
    implements GradientEstimator {

  /** Which windows of the calibration set a probe sees. */
  public enum Data {
    /** Probe k sees windows k, k + P, k + 2P, …: P probes cost as much as one on all windows. */
    OWN,
    /** Every probe sees all windows. */
    ALL
  }

  /**
   * The step of the paper's reference figures; small against the weights, large against rounding.
   */
  public static final double DEFAULT_EPSILON = 1e-3;

  /** Each takes a pass: nobody waits for more. */
  static final int MOST_PROBES = 1_000_000;

  // Checks the ranges.
  public Spsa {
    requireNonNull(direction, "direction");
    requireNonNull(data, "data");
    checkArgument(
        probes > 0 && probes <= MOST_PROBES, "probes %s: expected 1 to %s", probes, MOST_PROBES);
    checkArgument(
        epsilon > 0 && epsilon < 1, "epsilon %s: expected a number between 0 and 1", epsilon);
  }

  /** One normal probe on the whole set, seed 0; for the service loader. */
  public Spsa() {
    this(1, DEFAULT_EPSILON, 0, Direction.NORMAL, Data.OWN);
  }

  @Override
  public String name() {
    return "spsa";
  }

  @Override
  public Map<String, String> parameters() {
    return ImmutableMap.of(
        "probes", Integer.toString(probes),
        "epsilon", Double.toString(epsilon),
        "seed", Long.toString(seed),
        "direction", Parameters.id(direction),
        "data", Parameters.id(data));
  }

  @Override
  public GradientEstimator with(Map<String, String> changes) {
    Parameters parameters = new Parameters(this, changes);
    return new Spsa(
        parameters.count("probes"),
        parameters.number("epsilon"),
        parameters.whole("seed"),
        parameters.choice("direction", Direction.class),
        parameters.choice("data", Data.class));
  }

  @Override
  public GradientEstimate estimate(PassRunner runner, CalibrationSet set, GradientRequest request)
      throws IOException {
    CausalLm model = runner.model();
    ImmutableSet<String> perturbed = prunableTensors(model);
    List<List<Integer>> rounds = rounds(set.windows().size());
    try (NDManager waiting = model.newManager()) {
      List<LossPass> passes =
          rounds.stream().map(round -> pass(model, set, round, perturbed, waiting)).toList();
      runner.run(name(), passes);
      List<SpsaEstimate.Probe> estimated = new ArrayList<>();
      for (int round = 0; round < rounds.size(); round++) {
        ImmutableList<ImmutableDoubleArray> losses = passes.get(round).losses();
        for (int i = 0; i < rounds.get(round).size(); i++) {
          estimated.add(
              new SpsaEstimate.Probe(
                  seedOf(rounds.get(round).get(i)),
                  slope(losses.get(2 * i), losses.get(2 * i + 1))));
        }
      }
      return new SpsaEstimate(
          ImmutableList.copyOf(estimated),
          direction,
          provenance("gradient"),
          forwardPasses(set.windows().size()),
          model.compute().kernels());
    }
  }

  /** Of every probe the stream of W + epsilon z and that of W - epsilon z. */
  private LossPass pass(
      CausalLm model,
      CalibrationSet set,
      List<Integer> round,
      Set<String> perturbed,
      NDManager waiting) {
    ForwardPass forward = new ForwardPass(model, name() + "-" + round.get(0));
    for (int probe : round) {
      Perturbation z = new Perturbation(seedOf(probe), direction);
      TwinWeights weights =
          new TwinWeights(z, epsilon, perturbed, model.compute().kernels(), waiting);
      List<int[]> windows = windowsOf(probe, set);
      forward.add(windows, weights.plus(), BlockTap.NONE);
      forward.add(windows, weights.minus(), BlockTap.NONE);
    }
    return new LossPass(forward, forward.streams());
  }

  private static ImmutableSet<String> prunableTensors(CausalLm model) {
    return model.groups(Arrays.asList(GroupKind.values())).stream()
        .flatMap(group -> group.slices().stream())
        .map(TensorSlice::tensor)
        .collect(ImmutableSet.toImmutableSet());
  }

  /**
   * Divides the probes into passes that each carry the hidden states of about two passes over the
   * set: all probes in one where each has its own windows, else one probe a pass.
   */
  private List<List<Integer>> rounds(int windows) {
    int perRound = data == Data.ALL ? 1 : Math.max(1, Math.min(probes, windows));
    List<List<Integer>> rounds = new ArrayList<>();
    for (int first = 0; first < probes; first += perRound) {
      rounds.add(IntStream.range(first, Math.min(probes, first + perRound)).boxed().toList());
    }
    return rounds;
  }

  private long seedOf(int probe) {
    return CounterRng.bits(seed, CounterRng.stream("spsa probe"), probe);
  }

  private List<int[]> windowsOf(int probe, CalibrationSet set) {
    int count = set.windows().size();
    if (data == Data.ALL) {
      return set.windows();
    }
    return IntStream.range(0, count)
        .filter(w -> w % probes == probe % count)
        .mapToObj(set.windows()::get)
        .toList();
  }

  private double slope(ImmutableDoubleArray plus, ImmutableDoubleArray minus) {
    double difference = 0;
    for (int w = 0; w < plus.length(); w++) {
      difference += plus.get(w) - minus.get(w);
    }
    return difference / plus.length() / (2 * epsilon);
  }

  private long forwardPasses(int windows) {
    return data == Data.ALL
        ? 2L * probes
        : 2L * ((Math.max(probes, windows) + windows - 1) / windows);
  }
}
