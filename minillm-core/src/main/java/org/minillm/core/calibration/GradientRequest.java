package org.minillm.core.calibration;

import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Sets;
import java.util.EnumSet;
import java.util.Set;
import org.minillm.core.model.GroupKind;

/**
 * What is wanted of a gradient estimator; it may leave out the rest, and with it time and memory.
 *
 * @param evidence of {@link Evidence#GRADIENT} and {@link Evidence#GATE_GRADIENT}
 * @param kinds the kinds of groups that will be scored
 */
public record GradientRequest(ImmutableSet<Evidence> evidence, ImmutableSet<GroupKind> kinds) {

  /** What gradients are of. */
  static final ImmutableSet<Evidence> GRADIENTS =
      Sets.immutableEnumSet(Evidence.GRADIENT, Evidence.GATE_GRADIENT);

  /** The gradient of the weights of all groups. */
  public static final GradientRequest WEIGHTS =
      of(EnumSet.of(Evidence.GRADIENT), EnumSet.allOf(GroupKind.class));

  /**
   * Picks the gradients out of what a criterion asks for.
   *
   * @param required any evidence
   * @param kinds the kinds of groups that will be scored
   * @return the request; of no evidence where no gradient is asked for
   */
  public static GradientRequest of(Set<Evidence> required, Set<GroupKind> kinds) {
    return new GradientRequest(
        Sets.immutableEnumSet(Sets.intersection(required, GRADIENTS)),
        Sets.immutableEnumSet(kinds));
  }
}
