package org.minillm.core.evidence;

import static com.google.common.base.Preconditions.checkState;
import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableSet;
import com.google.common.collect.ImmutableSetMultimap;
import com.google.common.collect.Multimaps;
import com.google.common.collect.SetMultimap;
import com.google.common.collect.Sets;
import java.io.IOException;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.runtime.PassRunner;

/**
 * What is wanted of a gradient estimator; it leaves out the rest, and with it time and memory.
 *
 * @param wanted the kinds of groups of which weights' gradients ({@link Evidence#GRADIENT}) or
 *     gates' gradients ({@link Evidence#GATE_GRADIENT}) will be asked for
 */
public record GradientRequest(ImmutableSetMultimap<Evidence, GroupKind> wanted) {

  private static final ImmutableSet<Evidence> GRADIENTS =
      Sets.immutableEnumSet(Evidence.GRADIENT, Evidence.GATE_GRADIENT);

  /** The gradient of the weights of all groups. */
  public static final GradientRequest WEIGHTS = of(Evidence.GRADIENT, GroupKind.values());

  // Refuses nulls.
  public GradientRequest {
    requireNonNull(wanted, "wanted");
  }

  /**
   * Asks for one thing.
   *
   * @param evidence a gradient
   * @param kinds of these groups
   * @return the request
   */
  public static GradientRequest of(Evidence evidence, GroupKind... kinds) {
    requireNonNull(evidence, "evidence");
    requireNonNull(kinds, "kinds");
    return new GradientRequest(
        ImmutableSetMultimap.<Evidence, GroupKind>builder().putAll(evidence, kinds).build());
  }

  /**
   * Picks the gradients out of all evidence.
   *
   * @param required the evidence that each kind of group is scored by
   * @return the request; empty where no gradient is needed
   */
  public static GradientRequest within(SetMultimap<GroupKind, Evidence> required) {
    requireNonNull(required, "required");
    return new GradientRequest(
        ImmutableSetMultimap.copyOf(Multimaps.filterValues(required, GRADIENTS::contains))
            .inverse());
  }

  /**
   * Tells which gradients are wanted.
   *
   * @return GRADIENT, GATE_GRADIENT, both or none
   */
  public Set<Evidence> evidence() {
    return wanted.keySet();
  }

  /**
   * Tells of which groups a gradient is wanted.
   *
   * @param evidence a gradient
   * @return kinds of groups
   */
  public ImmutableSet<GroupKind> kinds(Evidence evidence) {
    return wanted.get(evidence);
  }

  /**
   * Estimates what is wanted.
   *
   * @param estimator makes the gradient; null where the gradient is to be 1 everywhere
   * @param runner runs its passes
   * @param data the text on which the loss is measured; may be null where nothing is wanted
   * @return the estimate, {@link GradientEstimate#NONE} where nothing is wanted; to be closed
   * @throws IOException if the checkpoint cannot be read
   * @throws IllegalArgumentException if a gradient is wanted that the estimator does not make
   */
  public GradientEstimate estimatedBy(
      @Nullable GradientEstimator estimator, PassRunner runner, @Nullable CalibrationSet data)
      throws IOException {
    requireNonNull(runner, "runner");
    requireProvidedBy(estimator);
    if (wanted.isEmpty() || estimator == null || data == null) {
      return GradientEstimate.NONE;
    }
    GradientEstimate estimate = estimator.estimate(runner, data, this);
    checkState(estimate != null, "gradient estimator %s: its estimate is null", estimator.name());
    return estimate;
  }

  private void requireProvidedBy(@Nullable GradientEstimator estimator) {
    Set<Evidence> provided =
        estimator == null ? Sets.immutableEnumSet(Evidence.GRADIENT) : estimator.provides();
    Set<Evidence> missing = Sets.difference(evidence(), provided);
    if (!missing.isEmpty()) {
      String makers =
          Plugins.all(GradientEstimator.class).values().stream()
              .filter(other -> other.provides().containsAll(evidence()))
              .map(GradientEstimator::name)
              .collect(Collectors.joining(", "));
      throw new IllegalArgumentException(
          String.format(
              "the criterion needs %s, which the gradient estimator %s does not make; %s",
              missing,
              estimator == null ? "none" : estimator.name(),
              makers.isEmpty() ? "nor does any other" : "expected one of " + makers));
    }
  }
}
