package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.ndarray.NDManager;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.minillm.core.architecture.Decoder;
import org.minillm.core.architecture.TokenLayout;
import org.minillm.core.tensor.Compute;

/** A window that slides makes no difference to a text that it covers; a longer one is refused. */
class AttentionWindowTest {

  private static void read(String changes, int tokens) {
    Decoder decoder = TestConfigs.decoder(TestConfigs.with(TestConfigs.LLAMA, changes));
    try (NDManager manager = Compute.cpu().newManager()) {
      assertThat(decoder.positions(TokenLayout.following(0, tokens), manager).layout().length())
          .isEqualTo(tokens);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'model_type': 'mistral', 'sliding_window': 16} | 16",
        "{'model_type': 'mistral'} | 4096",
        "{'model_type': 'qwen2', 'use_sliding_window': true, 'sliding_window': 16} | 16",
        "{'model_type': 'qwen3', 'use_sliding_window': true} | 4096"
      },
      quoteCharacter = '`')
  void aTextBeyondTheWindowIsRefused(String changes, int window) {
    assertThatCode(() -> read(changes, window)).doesNotThrowAnyException();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> read(changes, window + 1))
        .withMessage(
            "%s tokens in a row, but attention sees %s (sliding_window), and a window that slides is not computed here; use shorter texts",
            window + 1, window);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'model_type': 'mistral', 'sliding_window': null}",
        "{'model_type': 'qwen2', 'use_sliding_window': false, 'sliding_window': 16}",
        "{'model_type': 'qwen3', 'sliding_window': 16}",
        "{'model_type': 'llama', 'sliding_window': 16}"
      },
      quoteCharacter = '`')
  void withoutAWindowAnyTextIsRead(String changes) {
    assertThatCode(() -> read(changes, 5000)).doesNotThrowAnyException();
  }
}
