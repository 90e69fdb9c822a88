package org.minillm.core.pruning;

import com.google.common.collect.ImmutableListMultimap;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSetMultimap;
import com.google.common.collect.ImmutableSortedMap;
import com.google.common.collect.Multimaps;
import com.google.common.collect.Sets;
import com.google.common.primitives.ImmutableDoubleArray;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.minillm.core.calibration.BlockEvidence;
import org.minillm.core.calibration.CalibrationEvidence;
import org.minillm.core.calibration.CalibrationSet;
import org.minillm.core.calibration.Evidence;
import org.minillm.core.calibration.GradientEstimator;
import org.minillm.core.calibration.JavaScoreBackend;
import org.minillm.core.calibration.ScoreBackend;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.GroupId;
import org.minillm.core.model.GroupKind;
import org.minillm.core.model.PassListener;
import org.minillm.core.model.PruningGroup;

/**
 * The straight line: collect the evidence that the criterion asks for, score every group, let the
 * allocation say how many units stay, keep those with the highest scores, and cut.
 *
 * <pre>{@code
 * Pruner pruner =
 *     StructuredPruner.builder(new Fms(), PruningTarget.of(0.2, GroupKind.MLP_CHANNELS))
 *         .gradientEstimator(Spsa.withSeed(42))
 *         .build();
 * PruningPlan plan = pruner.plan(model, data);
 * pruner.apply(model, plan, data, Path.of("pruned"));
 * }</pre>
 */
public final class StructuredPruner implements Pruner {

  private final ImportanceCriterion criterion;
  private final ImmutableMap<GroupKind, ImportanceCriterion> criteriaOfKinds;
  private final PruningTarget target;
  private final @Nullable GradientEstimator gradientEstimator;
  private final Allocation allocation;
  private final ScoreBackend backend;
  private final PassListener listener;
  private final Export export;
  private final @Nullable Restoration restoration;
  private final boolean overwrite;

  private StructuredPruner(Builder builder) {
    this.criterion = builder.criterion;
    this.criteriaOfKinds = ImmutableMap.copyOf(builder.criteriaOfKinds);
    this.target = builder.target;
    this.gradientEstimator = builder.gradientEstimator;
    this.allocation = builder.allocation;
    this.backend = builder.backend;
    this.listener = builder.listener;
    this.export = builder.export;
    this.restoration = builder.restoration;
    this.overwrite = builder.overwrite;
  }

  /**
   * Begins a pruner.
   *
   * @param criterion scores the units
   * @param target how much is to be removed
   * @return a builder with the uniform allocation, no gradient (1 everywhere) and a silent listener
   */
  public static Builder builder(ImportanceCriterion criterion, PruningTarget target) {
    return new Builder(criterion, target);
  }

  /**
   * Forecasts what {@link #plan} and {@link #apply} hold beside blocks and micro-batches; they
   * reserve it. What {@code backprop} keeps is not in it.
   *
   * @param model the model
   * @param data the calibration set; may be null where no text is read
   * @return bytes
   */
  public long workingBytes(CausalLm model, @Nullable CalibrationSet data) {
    return data == null || !readsText()
        ? 0
        : PruningMemory.bytes(
            model,
            data,
            Sets.immutableEnumSet(requires().values()),
            restoration != null,
            target.kinds());
  }

  @Override
  public PruningPlan plan(CausalLm model, @Nullable CalibrationSet data) throws IOException {
    model.reserve(workingBytes(model, data));
    try (CalibrationEvidence evidence =
        CalibrationEvidence.prepare(
            model, data, requires(), gradientEstimator, backend, listener)) {
      return plan(model, data, evidence);
    }
  }

  private PruningPlan plan(
      CausalLm model, @Nullable CalibrationSet data, CalibrationEvidence evidence)
      throws IOException {
    List<ScoredGroup> scored = new ArrayList<>();
    List<ScoredGroup> compared = new ArrayList<>();
    score(model, data, evidence, scored, compared);
    ImmutableSortedMap<GroupId, Integer> counts = allocation.unitsToKeep(compared, target);
    Map<GroupId, PruningPlan.KeptUnits> kept = new TreeMap<>();
    for (ScoredGroup group : scored) {
      kept.put(
          group.id(),
          new PruningPlan.KeptUnits(
              group.units(), UnitSelection.keepHighest(group, counts.get(group.id()))));
    }
    return new PruningPlan(fingerprint(model), kept, provenance(evidence, data));
  }

  static ModelFingerprint fingerprint(CausalLm model) throws IOException {
    return ModelFingerprint.of(model.config(), model.checkpoint().sha256OfSamples());
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
    return restoration != null || !requires().isEmpty();
  }

  /** Scores all groups: to choose units within them, and to compare the groups. */
  private void score(
      CausalLm model,
      @Nullable CalibrationSet data,
      CalibrationEvidence evidence,
      List<ScoredGroup> scored,
      List<ScoredGroup> compared)
      throws IOException {
    ImmutableListMultimap<Integer, PruningGroup> byLayer =
        Multimaps.index(model.groups(target.kinds()), group -> group.id().layer());
    evidence.visitLayers(
        model,
        data,
        listener,
        (layer, block) -> {
          for (PruningGroup group : byLayer.get(layer)) {
            ImportanceCriterion own = criterion(group.id().kind());
            ImportanceCriterion comparing = allocation.criterion(group.id().kind()).orElse(own);
            ScoredGroup result = scored(model, group, own, block);
            scored.add(result);
            compared.add(comparing.equals(own) ? result : scored(model, group, comparing, block));
          }
        });
  }

  private static ScoredGroup scored(
      CausalLm model, PruningGroup group, ImportanceCriterion criterion, BlockEvidence evidence)
      throws IOException {
    return new ScoredGroup(
        group.id(),
        group.weightsPerUnit(model::elements),
        ImmutableDoubleArray.copyOf(criterion.score(group, evidence)));
  }

  private ImmutableSortedMap<String, String> provenance(
      CalibrationEvidence evidence, @Nullable CalibrationSet data) {
    Map<String, String> facts = new TreeMap<>(criterion.provenance("criterion"));
    criteriaOfKinds.forEach(
        (kind, chosen) -> {
          if (target.kinds().contains(kind) && !chosen.equals(criterion)) {
            String key = "criterion." + kind.toString().toLowerCase(Locale.ROOT);
            facts.putAll(chosen.provenance(key));
          }
        });
    facts.putAll(evidence.gradient().provenance());
    if (data != null && !requires().isEmpty()) {
      facts.putAll(data.provenance());
    }
    facts.putAll(
        restoration == null
            ? ImmutableMap.of("restoration", "none")
            : restoration.provenance("restoration"));
    facts.putAll(allocation.provenance("allocation"));
    facts.put("score_backend", backend.name());
    facts.put("forward_passes", Long.toString(evidence.forwardPasses()));
    facts.put("target.ratio", Double.toString(target.ratio()));
    facts.put("target.multiple_of", Integer.toString(target.multipleOf()));
    facts.put("target.minimum_units", Integer.toString(target.minimumUnits()));
    facts.put("target.keep_layers", target.keepLayers().toString());
    return ImmutableSortedMap.copyOf(facts);
  }

  @Override
  public PruningReport apply(
      CausalLm model, PruningPlan plan, @Nullable CalibrationSet data, Path target)
      throws IOException {
    model.reserve(workingBytes(model, data));
    return write(model, plan, refit(data), export, target, overwrite, listener);
  }

  private @Nullable Refit refit(@Nullable CalibrationSet data) {
    if (restoration == null) {
      return null;
    }
    if (data == null) {
      throw new IllegalArgumentException(
          "no calibration set: " + restoration.name() + " needs one; give a calibration text");
    }
    return new Refit(restoration, data);
  }

  /**
   * Writes what a plan leaves; what {@link #apply} does, for those who have a plan and nothing else
   * to choose.
   *
   * @param model the model that the plan was made for
   * @param plan which units stay
   * @param refit restores what stays; null to leave it as it is, to the bit
   * @param export the form of the result
   * @param target the folder to write
   * @param overwrite whether an existing target is replaced
   * @param listener told of the progress, a step a byte
   * @return what was removed
   * @throws IOException if the checkpoint cannot be read or the target cannot be written
   * @throws IllegalArgumentException if the plan was made for another model
   */
  public static PruningReport write(
      CausalLm model,
      PruningPlan plan,
      @Nullable Refit refit,
      Export export,
      Path target,
      boolean overwrite,
      PassListener listener)
      throws IOException {
    return new CheckpointCutter(model, plan, refit, export, listener).write(target, overwrite);
  }

  /** Gathers the choices of a {@link StructuredPruner}. */
  public static final class Builder {
    private final ImportanceCriterion criterion;
    private final PruningTarget target;
    private final Map<GroupKind, ImportanceCriterion> criteriaOfKinds =
        new EnumMap<>(GroupKind.class);
    private @Nullable GradientEstimator gradientEstimator;
    private Allocation allocation = new UniformAllocation();
    private ScoreBackend backend = new JavaScoreBackend();
    private PassListener listener = PassListener.SILENT;
    private Export export = Export.CUT;
    private @Nullable Restoration restoration;
    private boolean overwrite;

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
      this.allocation = chosen;
      return this;
    }

    /**
     * Chooses where scores are computed.
     *
     * @param chosen the backend
     * @return this
     */
    public Builder backend(ScoreBackend chosen) {
      this.backend = chosen;
      return this;
    }

    /**
     * Chooses who is told of the progress.
     *
     * @param chosen the listener
     * @return this
     */
    public Builder listener(PassListener chosen) {
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
     * Makes the pruner.
     *
     * @return the pruner
     */
    public StructuredPruner build() {
      return new StructuredPruner(this);
    }
  }
}
