package org.minillm.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.cut.PruningReport;
import org.minillm.core.evidence.CalibrationSet;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.plan.PruningTarget;
import org.minillm.core.prune.Pruner;
import org.minillm.core.prune.PruningRecipe;
import org.minillm.core.prune.StructuredPruner;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.ResidualStream;
import org.minillm.core.runtime.Tokenizer;
import org.minillm.criteria.Fms;
import org.minillm.criteria.Spsa;
import org.minillm.demo.DemoData;

/** The code in javadoc compiles and runs: each block stands in a test here, word for word. */
class JavadocExamplesTest {

  private static final Pattern BLOCK =
      Pattern.compile("<pre>\\{@code\\n(.*?)\\n *\\* *}</pre>", Pattern.DOTALL);
  private static final Pattern MARGIN = Pattern.compile("(?m)^ *\\* ?");

  @TempDir private Path temp;

  /** What stands in the javadoc of one file. */
  record Block(Path file, String code) {
    @Override
    public String toString() {
      return file.getFileName() + ": " + code.lines().findFirst().orElse("");
    }
  }

  static List<Block> blocks() throws IOException {
    try (Stream<Path> files = Files.walk(Path.of(".."))) {
      return files
          .filter(file -> file.toString().endsWith(".java"))
          .filter(file -> file.normalize().toString().contains("src/main/java"))
          .flatMap(JavadocExamplesTest::blocks)
          .toList();
    }
  }

  private static Stream<Block> blocks(Path file) {
    try {
      return BLOCK
          .matcher(Files.readString(file))
          .results()
          .map(MatchResult::group)
          .map(block -> BLOCK.matcher(block).replaceFirst("$1"))
          .map(code -> new Block(file, MARGIN.matcher(code).replaceAll("")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @ParameterizedTest
  @MethodSource("blocks")
  void everyBlockStandsInATestHere(Block block) throws IOException {
    String tests =
        Files.readString(Path.of("src/test/java/org/minillm/examples/JavadocExamplesTest.java"));
    assertThat(unindented(tests)).contains(unindented(block.code));
  }

  private static String unindented(String code) {
    return code.lines().map(String::strip).reduce("", (all, line) -> all + line + "\n");
  }

  @Test
  void thereAreBlocks() throws IOException {
    assertThat(blocks())
        .extracting(block -> block.file.getFileName().toString())
        .contains("StructuredPruner.java", "ForwardPass.java");
  }

  @Test
  void ofStructuredPruner() throws IOException {
    // GIVEN
    Path demo = DemoData.extract(temp.resolve("demo"));
    Path target = temp.resolve("pruned");
    try (CausalLm model = CausalLm.open(DemoData.model(demo));
        Tokenizer tokenizer = model.tokenizer()) {
      int[] tokens = tokenizer.encodeFile(DemoData.calibration(demo));
      CalibrationSet data = CalibrationSet.evenlySpaced("calibration", tokens, 4, 32);

      // WHEN
      Pruner pruner =
          StructuredPruner.builder(new Fms(), PruningTarget.of(0.2, GroupKind.MLP_CHANNELS))
              .gradientEstimator(new Spsa())
              .build();
      PruningPlan plan = pruner.plan(model, data);
      pruner.apply(model, plan, data, target);
    }

    // THEN
    assertThat(target.resolve("model.safetensors")).exists();
  }

  @Test
  void ofPruningRecipe() throws IOException {
    // GIVEN
    Path demo = DemoData.extract(temp.resolve("demo"));
    Path model = DemoData.model(demo);
    Path text = temp.resolve("text.txt");
    Files.writeString(text, Files.readString(DemoData.calibration(demo)).substring(0, 4000));
    Path target = temp.resolve("pruned");

    // WHEN
    PruningReport report = PruningRecipe.best().prune(model, 0.2, text, target);

    // THEN
    assertThat(report.parametersAfter()).isLessThan(report.parametersBefore());
  }

  @Test
  void ofForwardPass() throws IOException {
    // GIVEN
    List<int[]> windows = List.of(new int[] {1, 2, 3}, new int[] {4, 5, 6});
    double[] losses;
    try (CausalLm model = CausalLm.open(DemoData.model(DemoData.extract(temp)))) {
      // WHEN
      try (ForwardPass pass = new ForwardPass(model)) {
        ResidualStream stream = pass.add(windows, WeightTransform.NONE, BlockTap.NONE);
        pass.run();
        losses = pass.windowLosses(List.of(stream)).get(0);
      }
    }

    // THEN
    assertThat(losses).hasSize(2);
  }
}
