package org.minillm.examples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.cut.PruningReport;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.journal.JournalFolder;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.Pruner;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.Tokenizer;
import org.minillm.criteria.LeastSquares;
import org.minillm.criteria.Obs;
import org.minillm.demo.DemoData;

/** Prunes on a thread of its own, cancels that, and goes on with the same model. */
public final class CancelARun {

  private CancelARun() {}

  /**
   * Runs the example.
   *
   * @param args none
   * @throws Exception if the model cannot be read or the target cannot be written
   */
  public static void main(String[] args) throws Exception {
    Path folder = Files.createTempDirectory("minillm");
    Path demo = DemoData.extract(folder);
    try (CausalLm model = CausalLm.open(DemoData.model(demo));
        Tokenizer tokenizer = model.tokenizer()) {
      int[] tokens = tokenizer.encodeFile(DemoData.calibration(demo));
      CalibrationSet data = CalibrationSet.evenlySpaced("demo", tokens, 16, 128);
      CountDownLatch atWork = new CountDownLatch(1);
      Path target = folder.resolve("pruned");
      cancelled(model, pruner(folder.resolve("journal"), atWork), data, target, atWork);
      PruningReport report = cutAgain(model, folder.resolve("journal"), data, target);
      System.out.printf("%,d parameters are left%n", report.parametersAfter());
    }
  }

  private static PruningReport cutAgain(
      CausalLm model, Path journal, CalibrationSet data, Path target) throws IOException {
    Pruner again = pruner(journal, new CountDownLatch(1));
    return again.apply(model, again.plan(model, data), data, target);
  }

  private static Pruner pruner(Path journal, CountDownLatch atWork) {
    return StructuredPruner.builder(new Obs(), PruningTarget.of(0.2, GroupKind.MLP_CHANNELS))
        .restoration(new LeastSquares())
        .journal(journal, JournalFolder.INTERVAL)
        .listener(
            new PassListener() {
              @Override
              public void stepsDone(long steps) {
                atWork.countDown();
              }
            })
        .build();
  }

  // tag::cancel[]
  static void cancelled(
      CausalLm model, Pruner pruner, CalibrationSet data, Path target, CountDownLatch atWork)
      throws InterruptedException {
    ExecutorService worker = Executors.newSingleThreadExecutor();
    Future<PruningReport> run =
        worker.submit(() -> pruner.apply(model, pruner.plan(model, data), data, target));
    atWork.await();
    run.cancel(true);
    worker.shutdown();
    // the model may be used again, or closed, when its thread has ended
    worker.awaitTermination(1, TimeUnit.MINUTES);
  }
  // end::cancel[]
}
