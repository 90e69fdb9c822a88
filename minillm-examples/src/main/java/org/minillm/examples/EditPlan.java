package org.minillm.examples;

import com.google.common.primitives.ImmutableIntArray;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.cut.PruningReport;
import org.minillm.core.plan.CutTable;
import org.minillm.core.plan.MaskedWeights;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.Pruner;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.ResidualStream;
import org.minillm.core.runtime.Tokenizer;
import org.minillm.criteria.Magnitude;
import org.minillm.demo.DemoData;

/**
 * Reads a plan, edits it, tries it on the dense model by masking, cuts by it, and shows that the
 * smaller model computes what the masked one did.
 */
public final class EditPlan {

  private static final List<GroupKind> CHANNELS = List.of(GroupKind.MLP_CHANNELS);

  private EditPlan() {}

  /**
   * Runs the example.
   *
   * @param args the folder to work in; by default a temporary one
   * @throws IOException if a file cannot be read or written
   */
  public static void main(String[] args) throws IOException {
    Path folder = args.length > 0 ? Path.of(args[0]) : Files.createTempDirectory("minillm");
    Path demo = DemoData.extract(folder);
    Path target = folder.resolve("pruned");
    Path file = folder.resolve("plan.json");
    Pruner pruner =
        StructuredPruner.builder(new Magnitude(), PruningTarget.of(0.25, GroupKind.MLP_CHANNELS))
            .build();
    try (CausalLm model = CausalLm.open(DemoData.model(demo));
        Tokenizer tokenizer = model.tokenizer()) {
      pruner.plan(model, null).write(file, true); // magnitude needs no calibration text

      int[] text = tokenizer.encodeFile(DemoData.evaluation(demo));
      List<int[]> windows = List.of(Arrays.copyOf(text, 128));

      // tag::edit[]
      PruningPlan plan = PruningPlan.read(file);
      PruningGroup first = model.groups(CHANNELS).get(0);
      PruningPlan edited = plan.withKept(first.id(), all(first.units())); // the first layer whole

      CutTable table = CutTable.of(edited, model.groups(CHANNELS));
      double masked = loss(model, windows, new MaskedWeights(table)); // nothing is written yet

      PruningReport report = pruner.apply(model, edited, null, target);
      try (CausalLm pruned = CausalLm.open(target)) {
        double cut = loss(pruned, windows, WeightTransform.NONE);
        System.out.printf("removed %.2f%% of the channels%n", 100 * report.prunableRatio());
        System.out.printf("loss %.5f when masked, %.5f when cut%n", masked, cut);
      }
      // end::edit[]
    }
  }

  private static ImmutableIntArray all(int units) {
    return ImmutableIntArray.copyOf(IntStream.range(0, units));
  }

  private static double loss(CausalLm model, List<int[]> windows, WeightTransform transform)
      throws IOException {
    try (ForwardPass pass = new ForwardPass(model)) {
      ResidualStream stream = pass.add(windows, transform, BlockTap.NONE);
      pass.run();
      return pass.windowLosses(List.of(stream)).get(0)[0];
    }
  }
}
