package org.minillm.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.demo.DemoData;
import org.minillm.models.testing.ArchitectureContract;

/** A family of another jar, on the weights of the demo's model. */
class ScaledLlamaContractTest extends ArchitectureContract {

  /** One multiplication in float32. */
  private static final float TOLERANCE = 1e-5f;

  private static final List<int[]> WINDOWS = List.of(new int[] {1, 2, 3});

  @TempDir static Path temp;

  private static Path plain;
  private static Path scaled;

  @BeforeAll
  static void write() throws IOException {
    plain = DemoData.model(DemoData.extract(temp.resolve("plain")));
    scaled = DemoData.model(DemoData.extract(temp.resolve("scaled")));
    Path config = scaled.resolve("config.json");
    Files.writeString(
        config,
        Files.readString(config)
            .replace("\"model_type\": \"llama\"", "\"model_type\": \"scaled_llama\"")
            .replace("\"hidden_act\": \"silu\"", "\"hidden_act\": \"gelu_pytorch_tanh\""));
  }

  @Override
  public Map<String, Path> modelFolders() {
    return Map.of("scaled_llama", scaled);
  }

  private static float[] embedded(Path folder) throws IOException {
    List<float[]> streams = new ArrayList<>();
    BlockTap tap =
        new BlockTap() {
          @Override
          public void sublayer(Sublayer done) {
            streams.add(done.before().toFloatArray());
          }
        };
    try (CausalLm model = CausalLm.open(folder);
        ForwardPass pass = new ForwardPass(model)) {
      pass.add(WINDOWS, WeightTransform.NONE, tap);
      pass.run();
    }
    return streams.get(0);
  }

  @Test
  void theEmbeddingIsScaledByTheRootOfTheHiddenSize() throws IOException {
    // GIVEN what LLaMA embeds
    float[] expected = embedded(plain);
    for (int i = 0; i < expected.length; i++) {
      expected[i] *= (float) Math.sqrt(192);
    }

    // THEN
    assertThat(embedded(scaled)).containsExactly(expected, within(TOLERANCE));
  }
}
