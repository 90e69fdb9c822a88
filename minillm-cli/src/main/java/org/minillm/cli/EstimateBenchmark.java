package org.minillm.cli;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.common.base.Stopwatch;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.ImmutableSetMultimap;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.evidence.GradientEstimate;
import org.minillm.core.evidence.GradientEstimator;
import org.minillm.core.evidence.GradientRequest;
import org.minillm.core.journal.Journal;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.LayerWeights;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.tensor.HostMemory;
import org.minillm.core.tensor.Reduction;
import org.minillm.criteria.Backprop;

/**
 * Holds estimates of the gradient against the true one, by back-propagation. Owns the latter: where
 * gradients of weights are compared, float32 of the size of all prunable weights. Of an estimate
 * one tensor is in memory at a time.
 */
final class EstimateBenchmark implements AutoCloseable {

  private static final double NANOS_PER_SECOND = Duration.ofSeconds(1).toNanos();

  /** Two perturbed ones, and of each what the language head reads. */
  private static final int STREAMS = 4;

  private final CausalLm model;
  private final CalibrationSet data;
  private final PassListener listener;
  private final GradientEstimate truth;

  /**
   * An estimator that is asked for in one word.
   *
   * @param spec the word
   * @param plugin null for none, a gradient of 1 everywhere
   */
  record Estimator(String spec, @Nullable GradientEstimator plugin) {

    Set<Evidence> provides() {
      return plugin == null ? ImmutableSet.of(Evidence.GRADIENT) : plugin.provides();
    }
  }

  /**
   * Computes the true gradient.
   *
   * @param estimators those that will be measured: what none of them estimates is left out
   */
  EstimateBenchmark(
      CausalLm model, CalibrationSet data, Collection<Estimator> estimators, PassListener listener)
      throws IOException {
    this.model = model;
    this.data = data;
    this.listener = listener;
    ImmutableSetMultimap.Builder<Evidence, GroupKind> wanted = ImmutableSetMultimap.builder();
    for (Estimator estimator : estimators) {
      estimator.provides().forEach(evidence -> wanted.putAll(evidence, GroupKind.values()));
    }
    GradientRequest request = new GradientRequest(wanted.build());
    model.reserve(memoryForecast(model, data));
    truth = new Backprop().estimate(new PassRunner(model, listener, Journal.NONE), data, request);
  }

  /** Forecasts the truth, and beside it the streams of an estimate. */
  static MemoryForecast memoryForecast(CausalLm model, CalibrationSet data) {
    return new Backprop()
        .memoryForecast(model, data)
        .withStreams(STREAMS * data.tokens() * model.config().hiddenSize() * Float.BYTES);
  }

  /** Measures all that an estimator estimates: weights of all groups, gates of each kind. */
  List<EstimateRow> measure(Estimator estimator) throws IOException {
    List<EstimateRow> rows = new ArrayList<>();
    if (estimator.provides().contains(Evidence.GRADIENT)) {
      rows.addAll(ofWeights(estimator));
    }
    if (estimator.provides().contains(Evidence.GATE_GRADIENT)) {
      for (PrunedGroups groups : PrunedGroups.values()) {
        if (groups.kinds().size() == 1) {
          rows.add(ofGates(estimator, groups));
        }
      }
    }
    return rows;
  }

  private List<EstimateRow> ofWeights(Estimator estimator) throws IOException {
    try (Run run = new Run(estimator, GradientRequest.WEIGHTS)) {
      Map<GroupKind, Cosine> cosines = new EnumMap<>(GroupKind.class);
      List<RankAgreement.Group> scores = new ArrayList<>();
      for (int layer = 0; layer < model.config().layers().size(); layer++) {
        try (LayerWeights weights = model.layer(layer)) {
          for (PruningGroup group : model.decoder().groups(layer)) {
            Cosine cosine = cosines.computeIfAbsent(group.id().kind(), any -> new Cosine());
            scores.add(compare(group, weights, run.estimate, cosine));
          }
        }
      }
      return Arrays.stream(PrunedGroups.values())
          .map(
              groups -> {
                Cosine cosine = new Cosine();
                groups.kinds().forEach(kind -> cosine.add(requireNonNull(cosines.get(kind))));
                return run.row(Evidence.GRADIENT, groups, cosine, scores);
              })
          .toList();
    }
  }

  /** Adds a group's weights to the cosine, and scores its units by both gradients. */
  private RankAgreement.Group compare(
      PruningGroup group, LayerWeights weights, GradientEstimate estimate, Cosine cosine)
      throws IOException {
    double[] estimated = new double[group.units()];
    double[] exact = new double[group.units()];
    for (TensorSlice slice : group.slices()) {
      try (NDManager scratch = model.compute().newManager()) {
        NDArray weight = weights.read(slice.tensor(), scratch);
        NDArray gradient = truth.gradient(slice.tensor(), weight.getShape(), scratch).orElseThrow();
        Optional<NDArray> guess = estimate.gradient(slice.tensor(), weight.getShape(), scratch);
        guess.ifPresent(array -> cosine.add(HostMemory.floats(array), HostMemory.floats(gradient)));
        addScores(estimated, slice, weight, guess.orElse(null));
        addScores(exact, slice, weight, gradient);
      }
    }
    return new RankAgreement.Group(group.id(), estimated, exact);
  }

  /** The sum of |W g| over the weights of a unit, as the criterion taylor has it. */
  // javac 17 loses the @Nullable of a record's array on its way through the class file
  @SuppressWarnings("NullAway")
  private void addScores(
      double[] scores, TensorSlice slice, NDArray weight, @Nullable NDArray gradient) {
    double[] sums =
        model.compute().kernels().reduce(slice.terms(weight).gradient(gradient), Reduction.SUM);
    for (int unit = 0; unit < scores.length; unit++) {
      scores[unit] += sums[unit];
    }
  }

  private EstimateRow ofGates(Estimator estimator, PrunedGroups groups) throws IOException {
    GradientRequest request =
        GradientRequest.of(Evidence.GATE_GRADIENT, groups.kinds().toArray(GroupKind[]::new));
    try (Run run = new Run(estimator, request)) {
      Cosine cosine = new Cosine();
      List<RankAgreement.Group> gates = new ArrayList<>();
      for (PruningGroup group : model.groups(groups.kinds())) {
        double[] estimated = run.estimate.gates(group).orElseThrow().mean().toArray();
        double[] exact = truth.gates(group).orElseThrow().mean().toArray();
        for (int unit = 0; unit < exact.length; unit++) {
          cosine.add(estimated[unit], exact[unit]);
        }
        gates.add(new RankAgreement.Group(group.id(), estimated, exact));
      }
      return run.row(Evidence.GATE_GRADIENT, groups, cosine, gates);
    }
  }

  /** An estimate and what it took. */
  private final class Run implements AutoCloseable {

    private final String spec;
    private final GradientEstimate estimate;
    private final double seconds;

    Run(Estimator estimator, GradientRequest request) throws IOException {
      Stopwatch stopwatch = Stopwatch.createStarted();
      spec = estimator.spec;
      estimate =
          estimator.plugin == null
              ? GradientEstimate.NONE
              : estimator.plugin.estimate(
                  new PassRunner(model, listener, Journal.NONE), data, request);
      seconds = stopwatch.elapsed().toNanos() / NANOS_PER_SECOND;
    }

    EstimateRow row(
        Evidence of, PrunedGroups groups, Cosine cosine, List<RankAgreement.Group> units) {
      return new EstimateRow(
          spec,
          of == Evidence.GRADIENT ? "weights" : "gates",
          groups,
          dimensions(of, groups),
          estimate.forwardPasses(),
          seconds,
          cosine.value(),
          RankAgreement.of(
              units.stream().filter(group -> groups.kinds().contains(group.id().kind())).toList()));
    }

    @Override
    public void close() {
      estimate.close();
    }
  }

  /** Counts weights or gates. */
  private long dimensions(Evidence of, PrunedGroups groups) {
    return model.groups(groups.kinds()).stream()
        .mapToLong(
            group ->
                of == Evidence.GATE_GRADIENT
                    ? group.units()
                    : group.units() * group.weightsPerUnit(model::elements))
        .sum();
  }

  @Override
  public void close() {
    truth.close();
  }
}
