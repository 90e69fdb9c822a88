package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.minillm.core.architecture.GroupKind.ATTENTION_HEADS;
import static org.minillm.core.architecture.GroupKind.MLP_CHANNELS;

import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.EngineThreads;
import org.minillm.core.runtime.MemoryBudget;
import org.minillm.core.runtime.PassListener;
import org.minillm.criteria.Energy;
import org.minillm.criteria.Fms;
import org.minillm.criteria.GateFisher;
import org.minillm.criteria.GateSpsa;
import org.minillm.criteria.LeastSquares;
import org.minillm.criteria.Obs;
import org.minillm.criteria.Perturbation.Direction;
import org.minillm.criteria.Spsa;
import org.minillm.lab.SearchAllocation;
import org.minillm.models.testing.Passes;
import org.minillm.models.testing.StoredBytes;

/** A run that dies goes on where it stopped, and ends with the bytes of one that did not die. */
class ResumeTest {

  private static final String MODEL = "llama-gqa-bias";

  @TempDir Path temp;

  private boolean plannedWithSpilledStreams;

  /** Dies at a step. */
  private static final class Death extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  /** Counts the steps, and dies at one of them. Of writing, which begins anew, it counts one. */
  private static final class Mortal implements PassListener {
    private final int last;
    private int calls;
    private boolean writing;

    Mortal(int last) {
      this.last = last;
    }

    @Override
    public void passStarted(String pass, long steps) {
      writing = pass.equals("write");
      if (writing) {
        live();
      }
    }

    @Override
    public void stepsDone(long steps) {
      if (steps > 0 && !writing) {
        live();
      }
    }

    private void live() {
      if (++calls == last) {
        throw new Death();
      }
    }
  }

  @Test
  void thePapersMethodGoesOnFromWhereverItDied() throws IOException {
    requireSameBytes(
        new Fms(),
        builder ->
            builder.gradientEstimator(
                new Spsa(2, Spsa.DEFAULT_EPSILON, 0, Direction.NORMAL, Spsa.Data.ALL)));
  }

  @Test
  void aRestorationGoesOnFromWhereverItDied() throws IOException {
    requireSameBytes(
        new Obs(),
        builder ->
            builder
                .criterion(ATTENTION_HEADS, new Energy())
                .restoration(new LeastSquares().with(Map.of("value-ridge", "0", "noise", "0"))));
  }

  @Test
  void fittedValuesGoOnFromWhereverTheyDied() throws IOException {
    requireSameBytes(new Obs(), builder -> builder.restoration(new LeastSquares()));
  }

  @Test
  void gatesGoOnFromWhereverTheyDied() throws IOException {
    requireSameBytes(
        new GateFisher(),
        builder -> builder.gradientEstimator(new GateSpsa(2, Spsa.DEFAULT_EPSILON, 0)));
  }

  @Test
  void measuredLossesGoOnFromWhereverTheyDied() throws IOException {
    requireSameBytes(new Obs(), builder -> builder.allocation(new SearchAllocation()));
  }

  private void requireSameBytes(
      ImportanceCriterion criterion, UnaryOperator<StructuredPruner.Builder> settings)
      throws IOException {
    Path folder = TestModels.folder(MODEL, temp);
    try (CausalLm roomy = CausalLm.open(folder);
        CausalLm tight =
            CausalLm.open(folder, smallestBudget(roomy, pruner(criterion, settings).build()))) {
      // GIVEN a run that nothing disturbs
      Mortal immortal = new Mortal(Integer.MAX_VALUE);
      Path whole = temp.resolve("whole");
      prune(roomy, criterion, settings, immortal, whole);
      Map<String, String> expected = StoredBytes.digests(whole);

      for (int step = 1; step <= immortal.calls; step++) {
        // WHEN a run dies at a step, and is started again with another memory budget: the streams
        // are in memory in one of them and wait in a scratch file in the other
        CausalLm first = step % 2 == 0 ? roomy : tight;
        CausalLm second = step % 2 == 0 ? tight : roomy;
        Path target = temp.resolve("died-" + step);
        Mortal mortal = new Mortal(step);
        assertThatThrownBy(() -> prune(first, criterion, settings, mortal, target))
            .isInstanceOf(Death.class);
        assertThat(target).doesNotExist();
        ExactSteps steps = new ExactSteps();
        prune(second, criterion, settings, steps, target);
        assertThat(plannedWithSpilledStreams).isEqualTo(second == tight);

        // THEN every pass tells the steps that it announced, the files are the same to the byte,
        // and no journal is left
        assertThat(steps.passes).endsWith("write");
        assertThat(StoredBytes.digests(target)).as("died at step %d", step).isEqualTo(expected);
        assertThat(temp.resolve(target.getFileName() + ".journal")).doesNotExist();
      }
    }
  }

  @Test
  void whatWasDoneIsNotDoneAgain() throws IOException {
    try (CausalLm model = CausalLm.open(TestModels.folder(MODEL, temp))) {
      // GIVEN a restoration that died when all layers but the last were restored
      int layers = model.config().layers().size();
      UnaryOperator<StructuredPruner.Builder> restored = b -> b.restoration(new LeastSquares());
      Mortal mortal = new Mortal(2 * layers);
      Path target = temp.resolve("target");
      assertThatThrownBy(() -> prune(model, new Obs(), restored, mortal, target))
          .isInstanceOf(Death.class);

      // WHEN it is started again
      Map<String, Integer> steps = new TreeMap<>();
      prune(model, new Obs(), restored, counting(steps), target);

      // THEN nothing is scored, and one layer is restored
      assertThat(steps).isEqualTo(Map.of("restore", 1));
    }
  }

  /** Counts the single steps of each pass. */
  private static PassListener counting(Map<String, Integer> steps) {
    return new PassListener() {
      private String pass = "";

      @Override
      public void passStarted(String started, long total) {
        pass = started;
      }

      @Override
      public void stepDone() {
        steps.merge(pass, 1, Integer::sum);
      }
    };
  }

  @Test
  void lossesThatWereMeasuredAreNotMeasuredAgain() throws IOException {
    try (CausalLm model = CausalLm.open(TestModels.folder(MODEL, temp))) {
      // GIVEN a search that died in the last layer of its second pass: after the scores, and the
      // losses of each layer alone
      int layers = model.config().layers().size();
      UnaryOperator<StructuredPruner.Builder> search = b -> b.allocation(new SearchAllocation());
      Path target = temp.resolve("target");
      assertThatThrownBy(() -> prune(model, new Obs(), search, new Mortal(3 * layers), target))
          .isInstanceOf(Death.class);

      // WHEN it is started again
      Map<String, Integer> steps = new TreeMap<>();
      prune(model, new Obs(), search, counting(steps), target);

      // THEN one layer is gone through
      assertThat(steps).isEqualTo(Map.of("losses", 1));
    }
  }

  @Test
  void theJournalOfAnotherRunIsRefusedByName() throws IOException {
    try (CausalLm model = CausalLm.open(TestModels.folder(MODEL, temp))) {
      // GIVEN a run that died
      Path target = temp.resolve("target");
      assertThatThrownBy(() -> prune(model, new Obs(), b -> b, new Mortal(2), target))
          .isInstanceOf(Death.class);

      // WHEN another run has the same target
      // THEN it does not go on there
      assertThatThrownBy(() -> prune(model, new Energy(), b -> b, PassListener.SILENT, target))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("target.journal: is the journal of another run")
          .hasMessageContaining("criterion is obs there and energy here")
          .hasMessageContaining("or delete the journal")
          .hasMessageNotContaining("--");
    }
  }

  @Test
  void theThreadsThatComputeArePartOfTheRunAndNotOfThePlan() throws IOException {
    try (CausalLm model = CausalLm.open(TestModels.folder(MODEL, temp))) {
      // GIVEN a run that died
      Path target = temp.resolve("target");
      assertThatThrownBy(() -> prune(model, new Obs(), b -> b, new Mortal(2), target))
          .isInstanceOf(Death.class);

      // WHEN its journal is read
      // THEN it says how many threads computed
      assertThat(temp.resolve("target.journal/run.json"))
          .content()
          .contains("\"threads\":\"" + EngineThreads.inForce() + "\"");

      // THEN the plan does not
      prune(model, new Obs(), b -> b, PassListener.SILENT, target);
      assertThat(target.resolve("minillm-plan.json")).content().doesNotContain("threads");
    }
  }

  @Test
  void whoGoesOnSaysSo() throws IOException {
    try (CausalLm model = CausalLm.open(TestModels.folder(MODEL, temp))) {
      // GIVEN a run that was not disturbed, one that died, and one that died before anything was
      // done
      ExactSteps whole = new ExactSteps();
      prune(model, new Obs(), b -> b, whole, temp.resolve("whole"));
      assertThatThrownBy(() -> prune(model, new Obs(), b -> b, new Mortal(2), temp.resolve("died")))
          .isInstanceOf(Death.class);

      // WHEN it is started again
      ExactSteps again = new ExactSteps();
      prune(model, new Obs(), b -> b, again, temp.resolve("died"));

      // THEN only that one was told to go on
      assertThat(whole.resumed).isEmpty();
      assertThat(again.resumed).containsExactly(temp.resolve("died.journal"));
    }
  }

  @Test
  void aRunThatLosesItsJournalGoesOn() throws IOException {
    UnaryOperator<StructuredPruner.Builder> restored = b -> b.restoration(new LeastSquares());
    try (CausalLm model = CausalLm.open(TestModels.folder(MODEL, temp))) {
      // GIVEN the result of a run that nothing disturbs
      Path whole = temp.resolve("whole");
      Mortal immortal = new Mortal(Integer.MAX_VALUE);
      prune(model, new Obs(), restored, immortal, whole);

      for (int step = 1; step <= immortal.calls; step++) {
        // WHEN the place of a run's journal is gone from some step on
        Path place = Files.createDirectory(temp.resolve("place-" + step));
        UnaryOperator<StructuredPruner.Builder> there =
            b -> restored.apply(b).journal(place.resolve("journal"), Duration.ZERO);
        Path target = temp.resolve("lost-" + step);
        prune(model, new Obs(), there, after(step, () -> delete(place)), target);

        // THEN its files are the same to the byte
        assertThat(StoredBytes.digests(target))
            .as("lost at step %d", step)
            .isEqualTo(StoredBytes.digests(whole));
      }
    }
  }

  /** Does something at a step. */
  private static PassListener after(int step, Runnable work) {
    return new PassListener() {
      private int calls;

      @Override
      public void stepsDone(long steps) {
        if (++calls == step) {
          work.run();
        }
      }
    };
  }

  private static void delete(Path folder) {
    try {
      MoreFiles.deleteRecursively(folder, RecursiveDeleteOption.ALLOW_INSECURE);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"spsa-0", "score", "losses-0", "plan", "restore"})
  void whatDoesNotFitIsDoneAgain(String pass) throws IOException {
    UnaryOperator<StructuredPruner.Builder> settings =
        b ->
            b.gradientEstimator(new Spsa())
                .allocation(new SearchAllocation())
                .restoration(new LeastSquares());
    try (CausalLm model = CausalLm.open(TestModels.folder(MODEL, temp))) {
      // GIVEN the result of a run that nothing disturbs, and one that died when it would write
      Path whole = temp.resolve("whole");
      Mortal immortal = new Mortal(Integer.MAX_VALUE);
      prune(model, new Fms(), settings, immortal, whole);
      Path target = temp.resolve("died");
      assertThatThrownBy(
              () -> prune(model, new Fms(), settings, new Mortal(immortal.calls), target))
          .isInstanceOf(Death.class);

      // WHEN its passes are, to the bit, those of other models, and it is started again
      Path journal = temp.resolve("died.journal");
      exchange(journal, pass);
      prune(model, new Fms(), settings, new ExactSteps(), target);

      // THEN its files are the same to the byte
      assertThat(StoredBytes.digests(target)).isEqualTo(StoredBytes.digests(whole));
    }
  }

  /** Puts another pass in the place of one; what is intact and does not fit. */
  private static void exchange(Path journal, String pass) throws IOException {
    List<Path> states;
    try (Stream<Path> files = Files.list(journal)) {
      states = files.filter(file -> file.toString().endsWith(".state")).sorted().toList();
    }
    Path one =
        states.stream()
            .filter(file -> file.getFileName().toString().startsWith(pass))
            .findFirst()
            .orElseThrow();
    Path other = states.get((states.indexOf(one) + 1) % states.size());
    byte[] bytes = Files.readAllBytes(one);
    Files.copy(other, one, StandardCopyOption.REPLACE_EXISTING);
    Files.write(other, bytes);
    Files.deleteIfExists(journal.resolve("plan.state"));
  }

  private static StructuredPruner.Builder pruner(
      ImportanceCriterion criterion, UnaryOperator<StructuredPruner.Builder> settings) {
    return settings.apply(
        StructuredPruner.builder(criterion, PruningTarget.of(0.3, MLP_CHANNELS, ATTENTION_HEADS)));
  }

  private static MemoryBudget smallestBudget(CausalLm model, StructuredPruner pruner)
      throws IOException {
    return new MemoryBudget(pruner.memoryForecast(model, Passes.windows(model)).smallestBudget());
  }

  private void prune(
      CausalLm model,
      ImportanceCriterion criterion,
      UnaryOperator<StructuredPruner.Builder> settings,
      PassListener listener,
      Path target)
      throws IOException {
    StructuredPruner pruner =
        pruner(criterion, settings)
            .journal(temp.resolve(target.getFileName() + ".journal"), Duration.ZERO)
            .listener(listener)
            .build();
    CalibrationSet data = Passes.windows(model);
    PruningPlan plan = pruner.plan(model, data);
    plannedWithSpilledStreams = model.spillsStreams();
    pruner.apply(model, plan, data, target);
  }
}
