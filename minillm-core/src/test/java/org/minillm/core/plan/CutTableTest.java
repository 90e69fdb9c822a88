package org.minillm.core.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.TensorSlice;
import org.minillm.core.plan.CutTable.Cut;

class CutTableTest {

  private static final GroupId CHANNELS = new GroupId(0, GroupKind.MLP_CHANNELS);
  private static final GroupId HEADS = new GroupId(0, GroupKind.ATTENTION_HEADS);

  private static final PruningGroup MLP =
      new PruningGroup(
          CHANNELS,
          4,
          List.of(
              new TensorSlice("gate", 0, 1, "mlp"),
              new TensorSlice("up.bias", 0, 1, null),
              new TensorSlice("down", 1, 1, "down")));

  // 3 key-value heads of width 2, each with 2 query heads
  private static final PruningGroup ATTENTION =
      new PruningGroup(
          HEADS,
          3,
          List.of(
              new TensorSlice("q", 0, 4, "qkv"),
              new TensorSlice("k", 0, 2, "qkv"),
              new TensorSlice("o", 1, 4, "o")));

  private static PruningPlan plan(Map<GroupId, ImmutableIntArray> kept) {
    PruningPlan plan =
        new PruningPlan(
            new ModelFingerprint("llama", 8, 100, 2, ImmutableList.of(new LayerShape(3, 4)), "ab"),
            Map.of(),
            Map.of());
    for (Map.Entry<GroupId, ImmutableIntArray> group : kept.entrySet()) {
      plan = plan.withKept(group.getKey(), group.getValue());
    }
    return plan;
  }

  @Test
  void namesTheAxisAndTheIndicesThatStayOfEveryTensorOfAGroup() {
    // GIVEN
    PruningPlan plan = plan(Map.of(CHANNELS, ImmutableIntArray.of(0, 3)));

    // WHEN
    CutTable table = CutTable.of(plan, List.of(MLP));

    // THEN
    ImmutableIntArray kept = ImmutableIntArray.of(0, 3);
    assertThat(table.cuts())
        .containsExactly(
            Map.entry("gate", new Cut(0, 4, kept)),
            Map.entry("up.bias", new Cut(0, 4, kept)),
            Map.entry("down", new Cut(1, 4, kept)));
  }

  @Test
  void expandsUnitsByTheWidthOfTheSlice() {
    // GIVEN
    PruningPlan plan = plan(Map.of(HEADS, ImmutableIntArray.of(0, 2)));

    // WHEN
    CutTable table = CutTable.of(plan, List.of(ATTENTION));

    // THEN
    ImmutableIntArray wide = ImmutableIntArray.of(0, 1, 2, 3, 8, 9, 10, 11);
    assertThat(table.cut("q")).hasValue(new Cut(0, 12, wide));
    assertThat(table.cut("k")).hasValue(new Cut(0, 6, ImmutableIntArray.of(0, 1, 4, 5)));
    assertThat(table.cut("o")).hasValue(new Cut(1, 12, wide));
  }

  @Test
  void hasNothingForGroupsThatAreKeptWholeListedOrNot() {
    // GIVEN
    PruningPlan plan = plan(Map.of(CHANNELS, ImmutableIntArray.of(0, 1, 2, 3)));

    // WHEN
    CutTable table = CutTable.of(plan, List.of(MLP, ATTENTION));

    // THEN
    assertThat(table.cuts()).isEmpty();
    assertThat(table.cut("gate")).isEmpty();
  }

  @Test
  void namesTheColumnsOfAConsumerThatAMaskZeroes() {
    // GIVEN
    PruningPlan plan = plan(Map.of(HEADS, ImmutableIntArray.of(0, 2)));

    // WHEN
    CutTable table = CutTable.of(plan, List.of(MLP, ATTENTION));

    // THEN
    assertThat(table.removedColumns("o")).isEqualTo(ImmutableIntArray.of(4, 5, 6, 7));
    assertThat(table.removedColumns("down")).isEqualTo(ImmutableIntArray.of());
  }

  @Test
  void refusesToNameColumnsOfATensorThatLosesRows() {
    // GIVEN
    CutTable table =
        CutTable.of(plan(Map.of(CHANNELS, ImmutableIntArray.of(1))), List.of(MLP, ATTENTION));

    // WHEN THEN
    assertThatIllegalArgumentException()
        .isThrownBy(() -> table.removedColumns("gate"))
        .withMessage("gate: loses rows (axis 0), expected a consumer (axis 1)");
  }

  @Test
  void refusesATensorThatIsCutTwice() {
    // GIVEN a tensor that produces heads and consumes channels
    PruningGroup crossing =
        new PruningGroup(
            HEADS,
            3,
            List.of(new TensorSlice("down", 0, 4, "down"), new TensorSlice("o", 1, 4, "o")));
    PruningPlan plan =
        plan(Map.of(CHANNELS, ImmutableIntArray.of(1), HEADS, ImmutableIntArray.of(1)));

    // WHEN THEN
    assertThatIllegalArgumentException()
        .isThrownBy(() -> CutTable.of(plan, List.of(MLP, crossing)))
        .withMessageStartingWith(
            "down: layer 0 attention_heads cuts axis 0 of a tensor that is already cut on axis 1");
  }

  @Test
  void refusesGroupsOfAnotherModel() {
    // GIVEN
    PruningGroup wider = new PruningGroup(CHANNELS, 5, MLP.slices());

    // WHEN THEN
    assertThatIllegalArgumentException()
        .isThrownBy(() -> CutTable.of(plan(Map.of()), List.of(wider)))
        .withMessage("layer 0 mlp_channels: 5 units, but the plan's model has 4");
  }
}
