package org.minillm.core.prune;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSetMultimap;
import com.google.common.collect.ImmutableSortedMap;
import com.google.common.collect.Sets;
import com.google.gson.JsonPrimitive;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.cut.CheckpointCutter;
import org.minillm.core.cut.CutExport;
import org.minillm.core.cut.Export;
import org.minillm.core.cut.PruningReport;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.evidence.Evidence;
import org.minillm.core.evidence.EvidencePass;
import org.minillm.core.evidence.GradientEstimate;
import org.minillm.core.evidence.GradientEstimator;
import org.minillm.core.evidence.GradientRequest;
import org.minillm.core.journal.JournalFolder;
import org.minillm.core.plan.Allocated;
import org.minillm.core.plan.Allocation;
import org.minillm.core.plan.CandidateLosses;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plan.ModelFingerprint;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plan.UniformAllocation;
import org.minillm.core.plan.UnitSelection;
import org.minillm.core.restore.Restoration;
import org.minillm.core.restore.RestorationPass;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.EngineThreads;
import org.minillm.core.runtime.MemoryForecast;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.tensor.NotFiniteException;

/**
 * The straight line: collect the evidence that the criterion asks for, score every group, let the
 * allocation say how many units stay, keep those with the highest scores, and cut.
 *
 * <pre>{@code
 * Pruner pruner =
 *     StructuredPruner.builder(new Fms(), PruningTarget.of(0.2, GroupKind.MLP_CHANNELS))
 *         .gradientEstimator(new Spsa())
 *         .build();
 * PruningPlan plan = pruner.plan(model, data);
 * pruner.apply(model, plan, data, target);
 * }</pre>
 */
public final class StructuredPruner implements Pruner {

  private static final String PLAN = "plan";

  private final ImportanceCriterion criterion;
  private final ImmutableMap<GroupKind, ImportanceCriterion> criteriaOfKinds;
  private final PruningTarget target;
  private final @Nullable GradientEstimator gradientEstimator;
  private final Allocation allocation;
  private final PassListener listener;
  private final Export export;
  private final @Nullable Restoration restoration;
  private final boolean overwrite;
  private final RunJournal runJournal;

  private StructuredPruner(Builder builder) {
    this.criterion = builder.criterion;
    this.criteriaOfKinds = ImmutableMap.copyOf(builder.criteriaOfKinds);
    this.target = builder.target;
    this.gradientEstimator = builder.gradientEstimator;
    this.allocation = builder.allocation;
    this.listener = builder.listener;
    this.export = builder.export;
    this.restoration = builder.restoration;
    this.overwrite = builder.overwrite;
    this.runJournal = builder.runJournal;
  }

  /**
   * Begins a pruner.
   *
   * @param criterion scores the units
   * @param target how much is to be removed
   * @return a builder with the uniform allocation, no gradient (1 everywhere) and a silent listener
   */
  public static Builder builder(ImportanceCriterion criterion, PruningTarget target) {
    requireNonNull(criterion, "criterion");
    requireNonNull(target, "target");
    return new Builder(criterion, target);
  }

  /**
   * Forecasts what {@link #plan} and {@link #apply} need in memory; they reserve it.
   *
   * @param model the model
   * @param data the calibration set; may be null where no text is read
   * @return what the hungriest of the passes needs
   */
  public MemoryForecast memoryForecast(CausalLm model, @Nullable CalibrationSet data) {
    requireNonNull(model, "model");
    if (data == null || !readsText()) {
      return model.memoryForecast();
    }
    MemoryForecast most = scores(model, data, GradientEstimate.NONE).evidence().memoryForecast();
    if (gradientEstimator != null && !GradientRequest.within(requires()).wanted().isEmpty()) {
      most = most.or(gradientEstimator.memoryForecast(model, data));
    }
    if (allocation.measuresLosses()) {
      most = most.or(MaskedLosses.memoryForecast(model, data));
    }
    return restoration == null
        ? most
        : most.or(RestorationPass.memoryForecast(model, data, restoration, target.kinds()));
  }

  @Override
  public PruningPlan plan(CausalLm model, @Nullable CalibrationSet data) throws IOException {
    requireNonNull(model, "model");
    requireText(data);
    model.requireLayersRead();
    model.reserve(memoryForecast(model, data));
    try {
      return runJournal.during(
          run(model, data),
          listener,
          journal -> plan(new PassRunner(model, listener, journal), data));
    } catch (NotFiniteException e) {
      throw model.diagnose(e, data == null ? List.of() : data.windows());
    }
  }

  private void requireText(@Nullable CalibrationSet data) {
    if (data == null && allocation.measuresLosses()) {
      throw noCalibrationSet(allocation.name());
    }
    if (data == null && !requires().isEmpty()) {
      throw noCalibrationSet(
          "the criterion needs " + Sets.immutableEnumSet(requires().values()) + ", which");
    }
  }

  private PruningPlan plan(PassRunner runner, @Nullable CalibrationSet data) throws IOException {
    ModelFingerprint fingerprint = ModelFingerprint.of(runner.model());
    Optional<PruningPlan> earlier =
        runner.journal().findings(PLAN, json -> planned(json.text(), fingerprint));
    if (earlier.isPresent()) {
      return earlier.get();
    }
    try (GradientEstimate gradient =
        GradientRequest.within(requires()).estimatedBy(gradientEstimator, runner, data)) {
      PruningPlan plan = plan(runner, data, gradient);
      runner.journal().finish(PLAN, new JsonPrimitive(plan.toJson()));
      return plan;
    }
  }

  private static PruningPlan planned(String json, ModelFingerprint fingerprint) {
    PruningPlan plan = PruningPlan.fromJson(json, PLAN);
    plan.requireMadeFor(fingerprint);
    return plan;
  }

  /** The pass that scores all groups, and where the scores go. */
  private record Scoring(EvidencePass evidence, Scores scores) {}

  private Scoring scores(CausalLm model, @Nullable CalibrationSet data, GradientEstimate gradient) {
    Scores scores =
        new Scores(
            model,
            target.kinds(),
            this::criterion,
            kind -> allocation.criterion(kind).orElse(criterion(kind)));
    return new Scoring(new EvidencePass(model, data, requires(), gradient, scores), scores);
  }

  private PruningPlan plan(
      PassRunner runner, @Nullable CalibrationSet data, GradientEstimate gradient)
      throws IOException {
    Scoring scoring = scores(runner.model(), data, gradient);
    runner.run("score", List.of(scoring.evidence()));
    Scores scores = scoring.scores();
    MaskedLosses losses =
        data != null && allocation.measuresLosses()
            ? new MaskedLosses(runner, scores.choosing(), data)
            : null;
    Allocated allocated =
        allocation.allocate(
            scores.comparing(),
            bounded(runner.model()),
            losses == null ? CandidateLosses.NONE : losses);
    UnitSelection.requireCounts(allocation.name(), scores.choosing(), allocated.unitsToKeep());

    Map<String, String> facts = settings(runner.model());
    facts.putAll(gradient.provenance());
    if (data != null && (!requires().isEmpty() || allocation.measuresLosses())) {
      facts.putAll(data.provenance());
    }
    allocated.findings().forEach((name, value) -> facts.put("allocation." + name, value));
    long passes =
        gradient.forwardPasses()
            + scoring.evidence().forwardPasses()
            + (losses == null ? 0 : losses.forwardPasses());
    facts.put("forward_passes", Long.toString(passes));
    return new PruningPlan(
        ModelFingerprint.of(runner.model()),
        UnitSelection.kept(scores.choosing(), allocated.unitsToKeep()),
        facts);
  }

  /** The target for the layers that there are. */
  private PruningTarget bounded(CausalLm model) {
    return target.forWidth(
        model.config().layers().stream().mapToInt(LayerShape::intermediateSize).min().orElse(0));
  }

  private ImportanceCriterion criterion(GroupKind kind) {
    return criteriaOfKinds.getOrDefault(kind, criterion);
  }

  private ImmutableSetMultimap<GroupKind, Evidence> requires() {
    ImmutableSetMultimap.Builder<GroupKind, Evidence> required = ImmutableSetMultimap.builder();
    for (GroupKind kind : target.kinds()) {
      required.putAll(kind, criterion(kind).requires());
      allocation
          .criterion(kind)
          .ifPresent(comparing -> required.putAll(kind, comparing.requires()));
    }
    return required.build();
  }

  /**
   * Tells whether {@link #plan} and {@link #apply} need a calibration set.
   *
   * @return false where the weights alone decide and nothing is restored
   */
  public boolean readsText() {
    return restoration != null || allocation.measuresLosses() || !requires().isEmpty();
  }

  private Map<String, String> settings(CausalLm model) {
    Map<String, String> facts = new TreeMap<>(criterion.provenance("criterion"));
    criteriaOfKinds.forEach(
        (kind, chosen) -> {
          if (target.kinds().contains(kind) && !chosen.equals(criterion)) {
            String key = "criterion." + kind.toString().toLowerCase(Locale.ROOT);
            facts.putAll(chosen.provenance(key));
          }
        });
    facts.putAll(
        restoration == null
            ? ImmutableMap.of("restoration", "none")
            : restoration.provenance("restoration"));
    facts.putAll(allocation.provenance("allocation"));
    facts.put("score_backend", model.compute().kernels().name());
    facts.put("target.ratio", Double.toString(target.ratio()));
    facts.put("target.multiple_of", Integer.toString(bounded(model).multipleOf()));
    facts.put("target.minimum_units", Integer.toString(target.minimumUnits()));
    facts.put("target.keep_layers", target.keepLayers().toString());
    return facts;
  }

  @Override
  public PruningReport apply(
      CausalLm model, PruningPlan plan, @Nullable CalibrationSet data, Path target)
      throws IOException {
    requireNonNull(model, "model");
    requireNonNull(plan, "plan");
    requireNonNull(target, "target");
    return runJournal.toTheEnd(
        run(model, data),
        listener,
        journal -> {
          CheckpointCutter cutter =
              new CheckpointCutter(new PassRunner(model, listener, journal), plan).export(export);
          if (restoration != null) {
            if (data == null) {
              throw noCalibrationSet(restoration.name());
            }
            cutter = cutter.restoring(restoration, data);
          }
          return cutter.write(target, overwrite);
        });
  }

  /** Everything that the results depend on. */
  private ImmutableSortedMap<String, String> run(CausalLm model, @Nullable CalibrationSet data)
      throws IOException {
    Map<String, String> facts = settings(model);
    facts.put("model", model.checkpoint().sha256OfSamples());
    facts.put("gradient", "none");
    if (gradientEstimator != null) {
      facts.putAll(gradientEstimator.provenance("gradient"));
    }
    if (data != null) {
      facts.putAll(data.provenance());
    }
    facts.putAll(export.provenance("export"));
    facts.put("threads", Integer.toString(EngineThreads.inForce()));
    facts.put("minillm", String.valueOf(getClass().getPackage().getImplementationVersion()));
    return ImmutableSortedMap.copyOf(facts);
  }

  /**
   * Deletes the journal, if there is one. {@link #apply} does when it has written the target; for
   * those who only plan.
   *
   * @throws IOException if it cannot be deleted
   */
  public void forget() throws IOException {
    runJournal.delete();
  }

  private static IllegalArgumentException noCalibrationSet(String reader) {
    return new IllegalArgumentException(
        "no calibration set: " + reader + " needs one; give a calibration text");
  }

  /** Gathers the choices of a {@link StructuredPruner}. */
  public static final class Builder {
    private final ImportanceCriterion criterion;
    private final PruningTarget target;
    private final Map<GroupKind, ImportanceCriterion> criteriaOfKinds =
        new EnumMap<>(GroupKind.class);
    private @Nullable GradientEstimator gradientEstimator;
    private Allocation allocation = new UniformAllocation();
    private PassListener listener = PassListener.SILENT;
    private Export export = new CutExport();
    private @Nullable Restoration restoration;
    private boolean overwrite;
    private RunJournal runJournal = RunJournal.NONE;

    private Builder(ImportanceCriterion criterion, PruningTarget target) {
      this.criterion = criterion;
      this.target = target;
    }

    /**
     * Chooses another criterion for one kind of group.
     *
     * @param kind the groups that it scores
     * @param chosen the criterion
     * @return this
     */
    public Builder criterion(GroupKind kind, ImportanceCriterion chosen) {
      requireNonNull(kind, "kind");
      requireNonNull(chosen, "chosen");
      criteriaOfKinds.put(kind, chosen);
      return this;
    }

    /**
     * Chooses how the gradient is estimated, for criteria that ask for one.
     *
     * @param estimator makes the gradient; null where it is to be 1 everywhere
     * @return this
     */
    public Builder gradientEstimator(@Nullable GradientEstimator estimator) {
      this.gradientEstimator = estimator;
      return this;
    }

    /**
     * Chooses how many units each group keeps.
     *
     * @param chosen the allocation
     * @return this
     */
    public Builder allocation(Allocation chosen) {
      requireNonNull(chosen, "chosen");
      this.allocation = chosen;
      return this;
    }

    /**
     * Chooses who is told of the progress.
     *
     * @param chosen the listener
     * @return this
     */
    public Builder listener(PassListener chosen) {
      requireNonNull(chosen, "chosen");
      this.listener = chosen;
      return this;
    }

    /**
     * Chooses the form in which the result is written.
     *
     * @param chosen cut, unless chosen otherwise
     * @return this
     */
    public Builder export(Export chosen) {
      requireNonNull(chosen, "chosen");
      this.export = chosen;
      return this;
    }

    /**
     * Chooses how what stays makes up for what goes.
     *
     * @param chosen the restoration; null for none, which is the default
     * @return this
     */
    public Builder restoration(@Nullable Restoration chosen) {
      this.restoration = chosen;
      return this;
    }

    /**
     * Chooses whether an existing target folder is replaced.
     *
     * @param chosen true to replace it, once the new one is complete
     * @return this
     */
    public Builder overwrite(boolean chosen) {
      this.overwrite = chosen;
      return this;
    }

    /**
     * Chooses where a run remembers what it has done. A run that was killed goes on there if it is
     * started again, and ends with the same bytes; what {@code backprop} had done is done again.
     * The folder appears when there is work worth remembering and goes when {@link
     * StructuredPruner#apply} has written the target.
     *
     * @param folder need not exist; its parent must
     * @param interval work that may be lost, such as {@link JournalFolder#INTERVAL}
     * @return this
     */
    public Builder journal(Path folder, Duration interval) {
      requireNonNull(folder, "folder");
      requireNonNull(interval, "interval");
      this.runJournal = new RunJournal(folder, interval);
      return this;
    }

    /**
     * Makes the pruner.
     *
     * @return the pruner
     */
    public StructuredPruner build() {
      return new StructuredPruner(this);
    }
  }
}
