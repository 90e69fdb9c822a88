package org.minillm.examples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.minillm.core.calibration.CalibrationSet;
import org.minillm.core.evaluation.Perplexity;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.GroupKind;
import org.minillm.core.model.PassListener;
import org.minillm.core.model.Tokenizer;
import org.minillm.core.pruning.Pruner;
import org.minillm.core.pruning.PruningPlan;
import org.minillm.core.pruning.PruningReport;
import org.minillm.core.pruning.PruningTarget;
import org.minillm.core.pruning.StructuredPruner;
import org.minillm.criteria.Fms;
import org.minillm.criteria.Spsa;
import org.minillm.demo.DemoData;

/** Prunes a model by a fifth of its MLP channels, and shows what that costs. */
public final class PruneInTwentyLines {

  private PruneInTwentyLines() {}

  /**
   * Runs the example.
   *
   * @param args the model's folder and the folder to write, which must not be there yet; by default
   *     the demo's model and a temporary folder
   * @throws IOException if the model cannot be read or the target cannot be written
   */
  public static void main(String[] args) throws IOException {
    Path demo = DemoData.extract(Files.createTempDirectory("minillm"));
    Path folder = args.length > 0 ? Path.of(args[0]) : DemoData.model(demo);
    Path target = args.length > 1 ? Path.of(args[1]) : demo.resolve("pruned");
    prune(folder, DemoData.calibration(demo), DemoData.evaluation(demo), target);
  }

  // tag::prune[]
  static void prune(Path folder, Path calibrationText, Path testText, Path target)
      throws IOException {
    try (CausalLm model = CausalLm.open(folder);
        Tokenizer tokenizer = model.tokenizer()) {
      int[] tokens = tokenizer.encodeFile(calibrationText);
      CalibrationSet calibration = CalibrationSet.evenlySpaced("calibration", tokens, 32, 128);

      Pruner pruner =
          StructuredPruner.builder(new Fms(), PruningTarget.of(0.2, GroupKind.MLP_CHANNELS))
              .gradientEstimator(new Spsa())
              .build();
      PruningPlan plan = pruner.plan(model, calibration);
      PruningReport report = pruner.apply(model, plan, calibration, target);
      System.out.printf(
          "%,d of %,d parameters are left%n", report.parametersAfter(), report.parametersBefore());

      int[] test = tokenizer.encodeFile(testText);
      try (CausalLm pruned = CausalLm.open(target)) {
        System.out.printf(
            "perplexity %.2f -> %.2f%n", perplexity(model, test), perplexity(pruned, test));
      }
    }
  }

  private static double perplexity(CausalLm model, int[] text) throws IOException {
    return Perplexity.measure(model, "test", text, 128, 80, PassListener.SILENT).perplexity();
  }
  // end::prune[]
}
