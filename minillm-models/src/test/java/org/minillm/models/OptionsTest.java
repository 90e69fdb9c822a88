package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.LanguageHead;
import org.minillm.core.runtime.ResidualStream;

/** The options of config.json that the larger random models leave out, against transformers. */
class OptionsTest {

  /** Logits of size 1 to 10, float32 on both sides, added in another order. */
  private static final float TOLERANCE = 1e-5f;

  private static Path folder(String name) {
    return Path.of("src/test/resources/options", name);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "opt-after-same-width",
        "opt-no-bias",
        "opt-plain-norm",
        "opt-no-last-norm",
        "opt-untied",
        "opt-decoder-prefix",
        "bloom-six-heads-postln",
        "bloom-epsilon-untied",
        "bloom-no-prefix",
        "qwen2"
      })
  void theLogitsAreThoseOfTransformers(String name) throws IOException {
    // GIVEN
    try (Goldens expected = Goldens.in(folder(name).resolve("expected.safetensors"));
        CausalLm model = CausalLm.open(folder(name));
        ForwardPass pass = new ForwardPass(model)) {
      // WHEN
      ResidualStream stream =
          pass.add(expected.ids("input_ids"), WeightTransform.NONE, BlockTap.NONE);
      pass.run();
      NDArray normed = pass.normed(stream).get(0);

      // THEN
      new LanguageHead(model)
          .logits(
              normed.reshape(-1, normed.getShape().get(2)),
              (logits, firstId) ->
                  assertThat(logits.toFloatArray())
                      .containsExactly(expected.floats("logits"), within(TOLERANCE)));
    }
  }

  @Test
  void moreTokensThanLearnedPositionsAreRefused() throws IOException {
    // GIVEN 16 positions
    try (CausalLm model = CausalLm.open(folder("opt-no-bias"));
        ForwardPass pass = new ForwardPass(model)) {
      pass.add(List.of(new int[17]), WeightTransform.NONE, BlockTap.NONE);

      // WHEN / THEN
      assertThatIllegalArgumentException()
          .isThrownBy(pass::run)
          .withMessage(
              "17 tokens in a row, but model.decoder.embed_positions has 16 positions"
                  + " (max_position_embeddings); use shorter windows");
    }
  }
}
