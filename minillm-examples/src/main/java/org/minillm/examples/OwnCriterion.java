package org.minillm.examples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.plan.ImportanceCriterion;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.plugin.Plugins;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.Tokenizer;
import org.minillm.demo.DemoData;

/** Plans with a criterion that is none of MiniLLM's, made directly and found by its name. */
public final class OwnCriterion {

  private OwnCriterion() {}

  /**
   * Runs the example.
   *
   * @param args the file to write the plan to; by default one in a temporary folder
   * @throws IOException if the plan cannot be written
   */
  public static void main(String[] args) throws IOException {
    Path demo = DemoData.extract(Files.createTempDirectory("minillm"));
    Path file = args.length > 0 ? Path.of(args[0]) : demo.resolve("plan.json");
    try (CausalLm model = CausalLm.open(DemoData.model(demo));
        Tokenizer tokenizer = model.tokenizer()) {
      int[] tokens = tokenizer.encodeFile(DemoData.calibration(demo));
      CalibrationSet calibration = CalibrationSet.evenlySpaced("calibration", tokens, 32, 128);

      // tag::use[]
      ImportanceCriterion direct = new ActivationVariance();
      ImportanceCriterion byName =
          Plugins.configured(ImportanceCriterion.class, "activation_variance");

      PruningTarget target = PruningTarget.of(0.2, GroupKind.MLP_CHANNELS);
      PruningPlan plan = StructuredPruner.builder(byName, target).build().plan(model, calibration);
      // end::use[]

      plan.write(file, true);
      System.out.printf("found %s by its name: %s%n", direct, direct.equals(byName));
      System.out.printf("planned by %s: %s%n", plan.provenance().get("criterion"), file);
    }
  }
}
