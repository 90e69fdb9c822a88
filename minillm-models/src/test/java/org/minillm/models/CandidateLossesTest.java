package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.minillm.core.architecture.GroupKind.ATTENTION_HEADS;
import static org.minillm.core.architecture.GroupKind.MLP_CHANNELS;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.plan.Allocated;
import org.minillm.core.plan.Allocation;
import org.minillm.core.plan.CandidateLosses;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plan.ScoredGroup;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.MemoryBudget;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.ResidualStream;
import org.minillm.criteria.Magnitude;
import org.minillm.lab.BalancedAllocation;
import org.minillm.lab.SearchAllocation;
import org.minillm.lab.SensitivityAllocation;
import org.minillm.models.testing.Passes;

/** The losses that an allocation is told, against models that were really cut. */
class CandidateLossesTest {

  private static final PruningTarget BOTH = PruningTarget.of(0.3, MLP_CHANNELS, ATTENTION_HEADS);

  /** Of a loss: masked and cut model add the same numbers in another order, in float32. */
  private static final double SAME_FUNCTION = 1e-5;

  @TempDir static Path temp;

  private static CausalLm tinyLlama;

  @BeforeAll
  static void open() throws IOException {
    tinyLlama = CausalLm.open(TestModels.folder("tiny-llama", temp));
  }

  @AfterAll
  static void close() throws IOException {
    tinyLlama.close();
  }

  /** Has some candidates measured, and takes the last. */
  private static final class Asking implements Allocation {
    private final List<Map<GroupId, Integer>> candidates;
    private ImmutableDoubleArray measured = ImmutableDoubleArray.of();

    Asking(List<Map<GroupId, Integer>> candidates) {
      this.candidates = candidates;
    }

    @Override
    public String name() {
      return "asking";
    }

    @Override
    public boolean measuresLosses() {
      return true;
    }

    @Override
    public Allocated allocate(
        List<ScoredGroup> groups, PruningTarget target, CandidateLosses losses) throws IOException {
      measured = losses.of(candidates);
      Map<GroupId, Integer> chosen = new HashMap<>();
      groups.forEach(group -> chosen.put(group.id(), group.units()));
      chosen.putAll(candidates.get(candidates.size() - 1));
      return Allocated.of(chosen);
    }
  }

  private static StructuredPruner pruner(Allocation allocation, PassListener listener) {
    return StructuredPruner.builder(new Magnitude(), BOTH)
        .allocation(allocation)
        .listener(listener)
        .build();
  }

  private static PruningPlan plan(CausalLm model, Allocation allocation, CalibrationSet data)
      throws IOException {
    return pruner(allocation, PassListener.SILENT).plan(model, data);
  }

  private static ImmutableDoubleArray measured(List<Map<GroupId, Integer>> candidates)
      throws IOException {
    Asking asking = new Asking(candidates);
    plan(tinyLlama, asking, Passes.windows(tinyLlama));
    return asking.measured;
  }

  /** Candidates that begin to differ from the dense model in the first and in the last layer. */
  private static List<Map<GroupId, Integer>> someCandidates(CausalLm model) {
    int last = model.config().layers().size() - 1;
    int channels = model.config().layers().get(last).intermediateSize();
    return List.of(
        Map.of(),
        Map.of(channels(0), channels / 2, channels(last), channels / 3),
        Map.of(channels(last), channels / 2),
        Map.of(heads(0), 1),
        Map.of(heads(last), 1, channels(last), channels / 4));
  }

  private static GroupId channels(int layer) {
    return new GroupId(layer, MLP_CHANNELS);
  }

  private static GroupId heads(int layer) {
    return new GroupId(layer, ATTENTION_HEADS);
  }

  /** The definition: the windows of the set that are evenly spaced, one after the other. */
  private static double lossOf(CausalLm model, CalibrationSet data) throws IOException {
    double sum = 0;
    int[] numbers = {2, 7, 12, 17, 22, 27, 32, 37}; // of 40: floor((i + 0.5) * 5)
    for (int number : numbers) {
      try (ForwardPass pass = new ForwardPass(model)) {
        ResidualStream stream =
            pass.add(List.of(data.windows().get(number)), WeightTransform.NONE, BlockTap.NONE);
        pass.run();
        sum += pass.windowLosses(List.of(stream)).get(0)[0];
      }
    }
    return sum / numbers.length;
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-llama", "opt-gelu", "bloom-pow2"})
  void aCandidatesLossIsThatOfTheModelThatItWouldLeave(String name, @TempDir Path folder)
      throws IOException {
    try (CausalLm model = CausalLm.open(TestModels.folder(name, folder))) {
      CalibrationSet data = Passes.windows(model);
      List<Map<GroupId, Integer>> candidates = someCandidates(model);
      for (int i = 0; i < candidates.size(); i++) {
        // GIVEN the model that is left if a candidate is taken
        Asking asking = new Asking(candidates.subList(0, i + 1));
        StructuredPruner pruner = pruner(asking, PassListener.SILENT);
        Path target = folder.resolve("cut-" + i);
        pruner.apply(model, pruner.plan(model, data), data, target);

        // WHEN its loss is measured
        try (CausalLm cut = CausalLm.open(target)) {
          double loss = lossOf(cut, data);

          // THEN it is what the allocation was told
          assertThat(asking.measured.get(i))
              .as("candidate %d", i)
              .isCloseTo(loss, within(SAME_FUNCTION * loss));
        }
      }
    }
  }

  @Test
  void candidatesDiffer() throws IOException {
    // GIVEN candidates, of which the second comes twice
    List<Map<GroupId, Integer>> candidates = new ArrayList<>(someCandidates(tinyLlama));
    candidates.add(candidates.get(1));

    // WHEN
    ImmutableDoubleArray losses = measured(candidates);

    // THEN each has a loss of its own, in the order in which they were given
    assertThat(losses.stream().limit(5).distinct()).hasSize(5);
    assertThat(losses.get(5)).isEqualTo(losses.get(1));
  }

  @Test
  void moreThanOnePassHoldsAreMeasuredInSeveral() throws IOException {
    // GIVEN windows of which a pass holds 21, that of the dense model among them, and 22
    // candidates
    CalibrationSet data = new CalibrationSet("random tokens", 512, longWindows());
    assertThat(ForwardPass.tokensAtOnce(tinyLlama) / (8 * 512)).isEqualTo(21);
    List<Map<GroupId, Integer>> candidates =
        IntStream.range(0, 22).mapToObj(i -> Map.of(channels(3), 512 - 20 * (i + 1))).toList();
    Asking asking = new Asking(candidates);
    List<Long> steps = new ArrayList<>();
    PassListener listener =
        new PassListener() {
          @Override
          public void passStarted(String pass, long count) {
            if (pass.equals("losses")) {
              steps.add(count);
            }
          }
        };

    // WHEN
    pruner(asking, listener).plan(tinyLlama, data);

    // THEN there were two walks through 4 layers, and the last losses are those measured alone
    assertThat(steps).containsExactly(8L);
    Asking alone = new Asking(candidates.subList(20, 22));
    plan(tinyLlama, alone, data);
    assertThat(asking.measured.subArray(20, 22)).isEqualTo(alone.measured);
  }

  private static ImmutableList<int[]> longWindows() {
    CalibrationSet random = Passes.windows(tinyLlama);
    int[] tokens = random.windows().stream().flatMapToInt(Arrays::stream).toArray();
    return IntStream.range(0, 8)
        .mapToObj(i -> Arrays.copyOfRange(tokens, 100 * i, 100 * i + 512))
        .collect(ImmutableList.toImmutableList());
  }

  @Test
  void aPlanIsTheSameToTheByteWhateverTheMemory(@TempDir Path folder) throws IOException {
    for (Allocation allocation :
        List.of(new SensitivityAllocation(), new SearchAllocation(), new BalancedAllocation())) {
      // GIVEN a plan made with memory for all blocks
      CalibrationSet data = Passes.windows(tinyLlama);
      String all = plan(tinyLlama, allocation, data).toJson();

      // WHEN it is made with memory for one
      long smallest =
          pruner(allocation, PassListener.SILENT).memoryForecast(tinyLlama, data).smallestBudget();
      try (CausalLm small =
          CausalLm.open(TestModels.folder("tiny-llama", folder), new MemoryBudget(smallest))) {
        assertThat(small.residentLayers()).isZero();
        // THEN it is the same
        assertThat(plan(small, allocation, data).toJson()).isEqualTo(all);
      }
    }
  }

  @Test
  void thePlanTellsTextLossesAndPasses() throws IOException {
    // GIVEN 40 windows of which 8 are measured: the dense model and three more, of 4, 1 and 4
    // layers: 8 / 40 * (4 + 4 + 1 + 4) / 4 = 0.65 passes
    CalibrationSet data = Passes.windows(tinyLlama);
    PruningPlan plan = plan(tinyLlama, new Asking(someCandidates(tinyLlama).subList(0, 4)), data);

    // THEN it is rounded up, and the text is named although the criterion reads none
    assertThat(plan.provenance())
        .containsEntry("forward_passes", "1")
        .containsEntry("calibration.source", "random tokens");

    // WHEN a search makes the plan
    // THEN it has what was measured under the allocation's key
    assertThat(plan(tinyLlama, new BalancedAllocation(), data).provenance())
        .containsKeys("allocation.chosen", "allocation.loss.dense", "allocation.loss.heads=0.3000");
  }

  @Test
  void anAllocationThatMeasuresNeedsText() {
    // GIVEN a criterion that needs none
    StructuredPruner pruner = pruner(new SensitivityAllocation(0, 0.9, 1), PassListener.SILENT);
    assertThat(pruner.readsText()).isTrue();

    // WHEN, THEN
    assertThatThrownBy(() -> pruner.plan(tinyLlama, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("no calibration set: sensitivity needs one; give a calibration text");
  }
}
