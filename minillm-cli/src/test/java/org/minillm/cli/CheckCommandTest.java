package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.minillm.core.architecture.LayerShape;
import org.minillm.core.runtime.CausalLm;
import org.minillm.demo.DemoData;
import org.minillm.gguf.GgufExport;

class CheckCommandTest {

  @TempDir Path temp;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private Path model() throws IOException {
    return DemoData.model(DemoData.extract(temp.resolve("demo")));
  }

  private int run(String... args) {
    return Main.run(new PrintWriter(out), new PrintWriter(err), false, args);
  }

  @Test
  void aDenseModelLoadsInEveryProgram() throws IOException {
    assertThat(run("check", model().toString())).isZero();
    assertThat(out.toString())
        .containsPattern("transformers5 +yes")
        .containsPattern("llama.cpp +yes")
        .doesNotContainPattern(" no ");
  }

  @ParameterizedTest
  @CsvSource({"llama.cpp,0", "transformers5,0", "vllm,1"})
  void layersOfDifferentSizesLoadWhereCodeOrTheFileSaysThem(String tool, int exitCode)
      throws IOException {
    // GIVEN a plan that spares the first layer
    Path plan = temp.resolve("plan.json");
    run(
        "prune",
        model().toString(),
        "--criterion",
        "magnitude",
        "--restore",
        "none",
        "--keep-layers",
        "0",
        "--plan-only",
        plan.toString());

    // WHEN / THEN
    assertThat(run("check", model().toString(), "--plan", plan.toString(), "--for", tool))
        .isEqualTo(exitCode);
  }

  @Test
  void pruningForAProgramTakesWhatItWants() throws IOException {
    // WHEN
    int exitCode =
        run(
            "prune",
            model().toString(),
            "--criterion",
            "magnitude",
            "--for",
            "jlama",
            "--out",
            temp.resolve("small").toString());

    // THEN all layers are of one size
    assertThat(exitCode).as(err.toString()).isZero();
    assertThat(run("check", temp.resolve("small").toString(), "--for", "jlama")).isZero();
  }

  @Test
  void whatAProgramDoesNotTakeIsRefusedBeforeTheWork() throws IOException {
    // WHEN layers are asked for that differ
    int exitCode =
        run(
            "prune",
            model().toString(),
            "--for",
            "vllm",
            "--allocation",
            "trapezoid",
            "--out",
            temp.resolve("small").toString());

    // THEN
    assertThat(exitCode).isEqualTo(1);
    assertThat(err.toString())
        .contains("--for vllm: layers differ in size; prune with --allocation uniform");
  }

  @Test
  void sizeInEightBitsIsThatOfTheFile() throws IOException {
    try (CausalLm model = CausalLm.open(model())) {
      List<LayerShape> layers = model.config().layers();
      assertThat(FormSizes.of(model, layers).eightBits())
          .isEqualTo(
              new GgufExport()
                  .with(Map.of("type", "q8_0"))
                  .bytes(model, layers, model.checkpoint().tensors().values()));
    }
  }
}
