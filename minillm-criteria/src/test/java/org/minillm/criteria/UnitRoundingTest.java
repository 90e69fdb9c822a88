package org.minillm.criteria;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableSet;
import com.google.common.primitives.ImmutableDoubleArray;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plan.ScoredGroup;

class UnitRoundingTest {

  private static GroupId channels(int layer) {
    return new GroupId(layer, GroupKind.MLP_CHANNELS);
  }

  private static final List<ScoredGroup> TEN_EACH =
      Stream.of(0, 1)
          .map(
              layer ->
                  new ScoredGroup(channels(layer), 10, ImmutableDoubleArray.copyOf(new double[10])))
          .toList();

  private static Map<GroupId, Integer> multiplesOf(int step, double first, double second) {
    PruningTarget target =
        new PruningTarget(0.1, ImmutableSet.of(GroupKind.MLP_CHANNELS), step, 1, ImmutableSet.of());
    return UnitRounding.of(TEN_EACH, target, Map.of(channels(0), first, channels(1), second));
  }

  @Test
  void thoseThatLostMostByRoundingDownAreRoundedUp() {
    assertThat(multiplesOf(1, 6.4, 7.6)).isEqualTo(Map.of(channels(0), 6, channels(1), 8));
  }

  @Test
  void stepsAreMultiples() {
    // GIVEN 5.5 + 8.5 = 14, of which 4 + 8 are multiples of 4 and another half step is owed
    assertThat(multiplesOf(4, 5.5, 8.5)).isEqualTo(Map.of(channels(0), 8, channels(1), 8));
  }

  @Test
  void noLayerGrows() {
    // GIVEN 9 of 10 in each of two layers, which is 8 in multiples of 4, and half a step owed
    // THEN one stays whole rather than have 12
    assertThat(multiplesOf(4, 9, 9)).isEqualTo(Map.of(channels(0), 10, channels(1), 8));
  }
}
