package org.minillm.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.minillm.cli.CommandRun.succeeding;

import ai.djl.ndarray.NDArray;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.runtime.CausalLm;
import org.minillm.demo.DemoData;

class BenchSyntheticCommandTest {

  @TempDir Path temp;
  private Path dense;

  @BeforeEach
  void extractTheDemo() throws IOException {
    dense = DemoData.model(DemoData.extract(temp.resolve("demo")));
  }

  private Path synthetic(String name, int seed) {
    Path out = temp.resolve(name);
    Path config = dense.resolve("config.json");
    succeeding("bench", "synthetic", config, "--tokenizer", dense, "--out", out, "--seed", seed);
    return out;
  }

  @Test
  void modelHasTheShapesOfTheConfigAndWeightsAsIfNewlyInitialised() throws IOException {
    // WHEN
    Path out = synthetic("synthetic", 1);

    // THEN it can be pruned like any other
    try (CausalLm model = CausalLm.open(out);
        CausalLm original = CausalLm.open(dense)) {
      assertThat(model.decoder().tensors()).isEqualTo(original.decoder().tensors());
      NDArray up = model.layer(0).read("model.layers.0.mlp.up_proj.weight", null);
      assertThat(up.mean().getFloat()).isCloseTo(0, within(1e-3f));
      assertThat(up.square().mean().sqrt().getFloat()).isCloseTo(0.02f, within(1e-3f));
    }
    succeeding("prune", out, "--out", temp.resolve("pruned"), "--criterion", "magnitude");
  }

  @Test
  void seedDecidesTheWeights() throws IOException {
    byte[] weights = Files.readAllBytes(synthetic("one", 1).resolve("model.safetensors"));
    assertThat(synthetic("again", 1).resolve("model.safetensors")).hasBinaryContent(weights);
    assertThat(Files.readAllBytes(synthetic("two", 2).resolve("model.safetensors")))
        .isNotEqualTo(weights);
  }

  @Test
  void configOfAnUnknownFamilyIsNamed() throws IOException {
    // GIVEN
    Path config = Files.writeString(temp.resolve("config.json"), "{\"model_type\": \"gpt9\"}");

    // WHEN
    CommandRun run =
        CommandRun.of(
            "bench",
            "synthetic",
            config.toString(),
            "--tokenizer",
            dense.toString(),
            "--out",
            temp.resolve("x").toString());

    // THEN
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err()).contains(config + ": no architecture \"gpt9\"");
    assertThat(temp.resolve("x")).doesNotExist();
  }
}
