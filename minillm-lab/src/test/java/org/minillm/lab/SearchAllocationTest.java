package org.minillm.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableDoubleArray;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.plan.Allocated;
import org.minillm.core.plan.Allocation;
import org.minillm.core.plan.CandidateLosses;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plan.ScoredGroup;
import org.minillm.core.plan.UniformAllocation;
import org.minillm.core.plugin.Plugins;
import org.minillm.criteria.Comparison;
import org.minillm.criteria.GlobalAllocation;
import org.minillm.criteria.Magnitude;
import org.minillm.criteria.TrapezoidAllocation;

class SearchAllocationTest {

  private static final PruningTarget HALF = PruningTarget.of(0.5, GroupKind.MLP_CHANNELS);

  private static GroupId channels(int layer) {
    return new GroupId(layer, GroupKind.MLP_CHANNELS);
  }

  /** Equal parts leave 2 and 2, a comparison of all units 3 and 1. */
  private static final List<ScoredGroup> GROUPS =
      List.of(
          new ScoredGroup(channels(0), 10, ImmutableDoubleArray.of(9, 8, 7, 6)),
          new ScoredGroup(channels(1), 10, ImmutableDoubleArray.of(1, 2, 3, 10)));

  /** 3 of the dense model, and so much more for each unit that layer 0 loses. */
  private static CandidateLosses unitsOfLayer0Cost(double loss) {
    return candidates ->
        ImmutableDoubleArray.copyOf(
            candidates.stream()
                .mapToDouble(counts -> 3 + loss * (4 - counts.getOrDefault(channels(0), 4))));
  }

  private static Allocation configured(String spec) {
    return Plugins.configured(Allocation.class, spec);
  }

  private static Allocated searched(String among, CandidateLosses losses) throws IOException {
    return configured("search:among=" + among).allocate(GROUPS, HALF, losses);
  }

  @Test
  void theLowestLossIsTakenAndAllAreTold() throws IOException {
    // GIVEN a layer 0 whose units are missed, and candidates that take 2 and 1 of them
    // WHEN
    Allocated allocated = searched("uniform*global:mix=1", unitsOfLayer0Cost(0.5));

    // THEN
    assertThat(allocated.unitsToKeep()).isEqualTo(ImmutableMap.of(channels(0), 3, channels(1), 1));
    assertThat(allocated.findings())
        .isEqualTo(
            Map.of(
                "chosen", "global",
                "loss.dense", "3.0000",
                "loss.global", "3.5000",
                "loss.uniform", "4.0000"));
  }

  @Test
  void anotherModelMakesAnotherChoice() throws IOException {
    // GIVEN a layer 0 that is better off without its units
    assertThat(searched("uniform*global:mix=1", unitsOfLayer0Cost(-0.5)).findings())
        .containsEntry("chosen", "uniform");
  }

  @Test
  void ofEqualLossesTheFirstIsTaken() throws IOException {
    assertThat(searched("uniform*global:mix=1", unitsOfLayer0Cost(0)).findings())
        .containsEntry("chosen", "uniform");
    assertThat(searched("global:mix=1*uniform", unitsOfLayer0Cost(0)).findings())
        .containsEntry("chosen", "global");
  }

  @Test
  void namesakesAreToldApartByTheirSettings() throws IOException {
    assertThat(searched("global:mix=0*global:mix=1", unitsOfLayer0Cost(0.5)).findings())
        .containsEntry("chosen", "global:by=stream,mix=1.0")
        .containsEntry("loss.global:by=stream,mix=0.0", "4.0000");
  }

  @Test
  void whatACandidateMeasuredIsToldUnderItsName() throws IOException {
    // GIVEN half of a layer is 2 units: layer 0 alone costs 1, layer 1 alone nothing
    assertThat(searched("uniform*sensitivity", unitsOfLayer0Cost(0.5)).findings())
        .containsEntry("sensitivity.loss.increases", "0=1.0000 1=0.0000");
  }

  @Test
  void parametersMakeTheSameSearchAgain() {
    // GIVEN
    Allocation search =
        configured("search:among=(trapezoid:first=0.2,last=0.1,rise=0,fall=0,by=stream)*uniform");
    assertThat(search)
        .isEqualTo(
            new SearchAllocation(
                ImmutableList.of(new TrapezoidAllocation(0.2, 0.1), new UniformAllocation())));

    // THEN
    assertThat(search.parameters())
        .isEqualTo(
            Map.of("among", "(trapezoid:by=stream,fall=0.0,first=0.2,last=0.1,rise=0.0)*uniform"));
    assertThat(new SearchAllocation().with(search.parameters())).isEqualTo(search);
  }

  @Test
  void candidatesMayHaveCandidatesOfTheirOwn() {
    // GIVEN
    Allocation search = configured("search:among=(balanced:of=(trapezoid:first=0.2))*uniform");

    // THEN
    assertThat(search)
        .isEqualTo(
            new SearchAllocation(
                ImmutableList.of(
                    new BalancedAllocation(new TrapezoidAllocation().with(Map.of("first", "0.2"))),
                    new UniformAllocation())));
    assertThat(configured("search:among=" + search.parameters().get("among"))).isEqualTo(search);
  }

  @Test
  void theSpellingOfEarlierPlansIsRead() {
    assertThat(
            configured(
                "search:among=trapezoid:by=stream;fall=0.0;first=0.2;last=0.1;rise=0.0*uniform"))
        .isEqualTo(
            new SearchAllocation(
                ImmutableList.of(new TrapezoidAllocation(0.2, 0.1), new UniformAllocation())));
  }

  @Test
  void groupsAreComparedAsTheCandidatesCompareThem() {
    // GIVEN candidates of which one compares channels and two compare heads
    Allocation search = configured("search:among=uniform*(trapezoid:by=stream)*global");
    // THEN
    for (GroupKind kind : GroupKind.values()) {
      assertThat(search.criterion(kind)).isEqualTo(new GlobalAllocation().criterion(kind));
    }
  }

  @Test
  void errorsSayWhatIsExpected() {
    assertThatThrownBy(() -> configured("search:among=uniform*midle"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(
            "no allocation \"midle\"; there is balanced, global, search, sensitivity,"
                + " trapezoid, uniform;");
    assertThatThrownBy(() -> configured("search:among=uniform"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("among \"uniform\": expected at least two allocations, joined by *");
    assertThatThrownBy(() -> configured("search:among=global*uniform*global:mix=0.5"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("among: global:by=stream,mix=0.5 is given twice");
  }

  /** Compares groups by what no other does. */
  private record Odd() implements Allocation {
    @Override
    public String name() {
      return "odd";
    }

    @Override
    public Optional<ImportanceCriterion> criterion(GroupKind kind) {
      return Optional.of(new Magnitude());
    }

    @Override
    public Allocated allocate(
        List<ScoredGroup> groups, PruningTarget target, CandidateLosses losses) {
      return Allocated.of(Map.of());
    }
  }

  @Test
  void candidatesThatCompareByDifferentScoresAreRefused() {
    assertThatThrownBy(
            () -> new SearchAllocation(ImmutableList.of(new GlobalAllocation(), new Odd())))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("are compared by (energy:tokens=stream)*magnitude; expected");
  }

  @Test
  void candidatesThatCompareByTheirOwnScoresDoNotMixWithOthers() {
    // GIVEN heads that trapezoid compares by what a restoration leaves, and a global one that takes
    // the scores
    Allocation own = new GlobalAllocation(Comparison.STANDARDISED, 1);

    // WHEN, THEN
    for (Allocation candidate : List.of(own, new BalancedAllocation(own))) {
      assertThatThrownBy(
              () -> new SearchAllocation(ImmutableList.of(new TrapezoidAllocation(), candidate)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(
              "are compared by (obs:damping=0.1,ridge=mean,rounds=1,tokens=stream) and by the scores that choose them");
    }
    assertThat(new SearchAllocation(ImmutableList.of(new UniformAllocation(), own)).among())
        .hasSize(2);
  }
}
