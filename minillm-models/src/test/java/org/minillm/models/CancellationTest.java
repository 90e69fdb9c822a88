package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.minillm.core.architecture.GroupKind.ATTENTION_HEADS;
import static org.minillm.core.architecture.GroupKind.MLP_CHANNELS;

import com.google.common.util.concurrent.Uninterruptibles;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.minillm.core.evaluation.Perplexity;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.MemoryBudget;
import org.minillm.core.runtime.PassListener;
import org.minillm.criteria.LeastSquares;
import org.minillm.criteria.Obs;
import org.minillm.models.testing.Passes;
import org.minillm.models.testing.StoredBytes;

/** A run is cancelled from another thread: the model goes on, and so does the run. */
class CancellationTest {

  private static final String MODEL = "llama-gqa-bias";

  @TempDir Path temp;

  private final ExecutorService worker = Executors.newSingleThreadExecutor();

  @AfterEach
  void endWorker() {
    worker.shutdown();
  }

  /** Lets another thread work at the second step of a pass: then the first is in the journal. */
  private static final class Stop implements PassListener {
    private final String pass;
    private final CountDownLatch reached = new CountDownLatch(1);
    private final CountDownLatch goOn = new CountDownLatch(1);
    private int steps;

    Stop(String pass) {
      this.pass = pass;
    }

    @Override
    public void passStarted(String started, long announced) {
      steps = started.equals(pass) ? 0 : Integer.MIN_VALUE;
    }

    @Override
    public void stepsDone(long done) {
      if (done > 0 && ++steps == 2) {
        reached.countDown();
        Uninterruptibles.awaitUninterruptibly(goOn);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"score,true", "score,false", "restore,true", "restore,false", "write,false"})
  void cancelledRunGoesOnWithTheSameModel(String pass, boolean spills) throws Exception {
    try (CausalLm model = open(spills)) {
      // GIVEN what the model is, and a run that nothing disturbs
      double perplexity = perplexity(model);
      Map<String, String> expected = whole(model);

      // WHEN a run is cancelled in the middle of a pass
      Stop stop = new Stop(pass);
      AtomicReference<Exception> end = new AtomicReference<>();
      AtomicReference<Boolean> interrupted = new AtomicReference<>();
      Future<?> run =
          worker.submit(
              () -> {
                try {
                  prune(model, stop, "cancelled");
                } catch (IOException | RuntimeException e) {
                  end.set(e);
                }
                interrupted.set(Thread.currentThread().isInterrupted());
              });
      stop.reached.await();
      run.cancel(true);
      stop.goOn.countDown();
      worker.shutdown();
      assertThat(worker.awaitTermination(1, TimeUnit.MINUTES)).isTrue();

      // THEN it ends with one exception, and leaves nothing but its journal
      assertThat(end.get()).isExactlyInstanceOf(ClosedByInterruptException.class);
      assertThat(interrupted.get()).isTrue();
      assertThat(besideModel()).containsExactlyInAnyOrder("whole", "cancelled.journal");
      assertThat(openScratchFiles()).isEmpty();

      // THEN the model computes what it did
      assertThat(perplexity(model)).isEqualTo(perplexity);

      // THEN the same run goes on, and ends with the same bytes
      ExactSteps again = new ExactSteps();
      prune(model, again, "cancelled");
      assertThat(again.resumed).isNotEmpty().containsOnly(temp.resolve("cancelled.journal"));
      assertThat(StoredBytes.digests(temp.resolve("cancelled"))).isEqualTo(expected);
      assertThat(besideModel()).containsExactlyInAnyOrder("whole", "cancelled");
    }
  }

  @Test
  void modelGoesOnWheneverARunIsCancelled() throws Exception {
    try (CausalLm model = open(true)) {
      // GIVEN a run that nothing disturbs
      Map<String, String> expected = whole(model);

      // WHEN runs are interrupted at any moment, also while they read or write
      Random random = new Random(17);
      for (int i = 0; i < 25; i++) {
        AtomicReference<@Nullable Exception> end = new AtomicReference<>();
        Thread run =
            new Thread(
                () -> {
                  try {
                    prune(model, PassListener.SILENT, "cancelled");
                  } catch (IOException | RuntimeException e) {
                    end.set(e);
                  }
                });
        run.start();
        run.join(1 + random.nextInt(60));
        run.interrupt();
        run.join();
        if (end.get() == null) {
          break;
        }
        assertThat(end.get()).isInstanceOf(ClosedByInterruptException.class);
        assertThat(openScratchFiles()).isEmpty();
      }

      // THEN the next one ends with the same bytes
      if (Files.notExists(temp.resolve("cancelled"))) {
        prune(model, PassListener.SILENT, "cancelled");
      }
      assertThat(StoredBytes.digests(temp.resolve("cancelled"))).isEqualTo(expected);
    }
  }

  private CausalLm open(boolean spills) throws IOException {
    Path folder = TestModels.folder(MODEL, temp);
    CausalLm roomy = CausalLm.open(folder);
    if (!spills) {
      return roomy;
    }
    try (roomy) {
      long smallest =
          pruner("forecast").build().memoryForecast(roomy, Passes.windows(roomy)).smallestBudget();
      return CausalLm.open(folder, new MemoryBudget(smallest));
    }
  }

  private static double perplexity(CausalLm model) throws IOException {
    int[] tokens = Passes.windows(model).windows().stream().flatMapToInt(Arrays::stream).toArray();
    return Perplexity.measure(model, "random tokens", tokens, 32, 8, PassListener.SILENT)
        .perplexity();
  }

  private Map<String, String> whole(CausalLm model) throws IOException {
    prune(model, PassListener.SILENT, "whole");
    return StoredBytes.digests(temp.resolve("whole"));
  }

  private StructuredPruner.Builder pruner(String target) {
    return StructuredPruner.builder(new Obs(), PruningTarget.of(0.3, MLP_CHANNELS, ATTENTION_HEADS))
        .restoration(new LeastSquares())
        .journal(temp.resolve(target + ".journal"), Duration.ZERO);
  }

  private void prune(CausalLm model, PassListener listener, String target) throws IOException {
    StructuredPruner pruner = pruner(target).listener(listener).build();
    CalibrationSet data = Passes.windows(model);
    pruner.apply(model, pruner.plan(model, data), data, temp.resolve(target));
  }

  /** What runs have left beside the model. */
  private List<String> besideModel() throws IOException {
    try (Stream<Path> files = Files.list(temp)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> !name.equals(MODEL))
          .toList();
    }
  }

  /** They have no names where the system allows it. */
  private List<String> openScratchFiles() throws IOException {
    Path open = Path.of("/proc/self/fd");
    if (!Files.isDirectory(open)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(open)) {
      return files
          .map(CancellationTest::leadsTo)
          .filter(name -> name.contains(".minillm-scratch-"))
          .toList();
    }
  }

  private static String leadsTo(Path link) {
    try {
      return Files.readSymbolicLink(link).toString();
    } catch (IOException e) {
      return ""; // closed meanwhile
    }
  }
}
