package org.minillm.examples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.minillm.core.cut.PruningReport;
import org.minillm.core.evaluation.Perplexity;
import org.minillm.core.prune.PruningRecipe;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.Tokenizer;
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
    PruningReport report = PruningRecipe.best().prune(folder, 0.2, calibrationText, target);
    System.out.printf(
        "%,d of %,d parameters are left%n", report.parametersAfter(), report.parametersBefore());
    System.out.printf(
        "perplexity %.2f -> %.2f%n", perplexity(folder, testText), perplexity(target, testText));
  }

  private static double perplexity(Path folder, Path text) throws IOException {
    try (CausalLm model = CausalLm.open(folder);
        Tokenizer tokenizer = model.tokenizer()) {
      int[] tokens = tokenizer.encodeFile(text);
      return Perplexity.measure(model, "test", tokens, 128, 80, PassListener.SILENT).perplexity();
    }
  }
  // end::prune[]
}
