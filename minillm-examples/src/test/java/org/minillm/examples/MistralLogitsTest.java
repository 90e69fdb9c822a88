package org.minillm.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import com.google.common.collect.Iterables;
import com.google.common.primitives.Floats;
import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.minillm.core.model.BlockTap;
import org.minillm.core.model.CausalLm;
import org.minillm.core.model.ForwardPass;
import org.minillm.core.model.LanguageHead;
import org.minillm.core.model.ResidualStream;
import org.minillm.core.model.WeightTransform;

/** The model of another jar computes what transformers computes. */
class MistralLogitsTest {

  private static final Path FOLDER = Path.of("src/test/resources/mistral");

  /** Logits of size 1 to 10, float32 on both sides, added in another order. */
  private static final float TOLERANCE = 1e-5f;

  /** The file that tools/make_mistral.py wrote. */
  private record Expected(List<int[]> ids, float[][][] logits) {

    static Expected read() throws IOException {
      return new Gson().fromJson(Files.readString(FOLDER.resolve("expected.json")), Expected.class);
    }

    float[] flat() {
      float[] flat = {};
      for (float[][] row : logits) {
        flat = Floats.concat(flat, Floats.concat(row));
      }
      return flat;
    }
  }

  private static float[] logits(CausalLm model, List<int[]> ids) throws IOException {
    try (ForwardPass pass = new ForwardPass(model)) {
      ResidualStream stream = pass.add(ids, WeightTransform.NONE, BlockTap.NONE);
      pass.run();
      NDArray normed = Iterables.getOnlyElement(pass.normed(stream));
      float[][] result = new float[1][];
      new LanguageHead(model)
          .logits(
              normed.reshape(-1, normed.getShape().get(2)),
              (chunk, firstId) -> result[0] = chunk.toFloatArray()); // the vocabulary is one chunk
      return result[0];
    }
  }

  @Test
  void logitsAreThoseOfTransformers() throws IOException {
    // GIVEN
    Expected expected = Expected.read();

    // WHEN
    try (CausalLm model = CausalLm.open(FOLDER)) {
      float[] found = logits(model, expected.ids());

      // THEN
      assertThat(found).containsExactly(expected.flat(), within(TOLERANCE));
    }
  }

  @Test
  void slidingWindowIsRefused() throws IOException {
    // GIVEN
    JsonObject config =
        JsonParser.parseString(Files.readString(FOLDER.resolve("config.json"))).getAsJsonObject();
    config.addProperty("sliding_window", 4096);

    // THEN
    assertThatThrownBy(() -> new MistralArchitecture().decoder(config, Map.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("sliding_window is 4096");
  }
}
