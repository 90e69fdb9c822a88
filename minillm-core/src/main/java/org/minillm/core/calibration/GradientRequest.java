package org.minillm.core.calibration;

import static java.util.Objects.requireNonNull;

import com.google.common.collect.ImmutableSet;
import com.google.common.collect.ImmutableSetMultimap;
import com.google.common.collect.Multimaps;
import com.google.common.collect.SetMultimap;
import com.google.common.collect.Sets;
import java.util.Set;
import org.minillm.core.model.GroupKind;

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
  static GradientRequest within(SetMultimap<GroupKind, Evidence> required) {
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
}
