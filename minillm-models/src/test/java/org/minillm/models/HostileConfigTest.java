package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.minillm.core.checkpoint.MalformedCheckpointException;
import org.minillm.core.files.MalformedFileException;
import org.minillm.core.runtime.CausalLm;

/**
 * A config.json that does not go with the weights is refused before anything is made of it; the
 * message has the file, the key, what was found and what was expected.
 */
class HostileConfigTest {

  @TempDir private Path temp;

  private void refuses(String config, String changes, String... words) throws IOException {
    Path folder = SpoiltModel.of(config).config(changes).in(temp.resolve("model"));
    Assertions.assertTimeoutPreemptively(
        Duration.ofSeconds(5),
        () ->
            assertThatThrownBy(() -> CausalLm.open(folder))
                .isInstanceOf(MalformedCheckpointException.class)
                .hasMessageStartingWith(folder.resolve("config.json") + ": ")
                .hasMessageContainingAll(words));
  }

  @ParameterizedTest
  @CsvSource({
    "num_hidden_layers, 21",
    "hidden_size, 100",
    "vocab_size, 100",
    "intermediate_size, 100",
    "num_attention_heads, 100",
    "num_key_value_heads, 100",
    "head_dim, 100"
  })
  void ofLlamaNoCountIsLargerThanTheTensors(String key, String most) throws IOException {
    refuses(
        TestConfigs.LLAMA,
        "{'" + key + "': 2147483646}",
        key + " is 2147483646, expected at most " + most);
  }

  @ParameterizedTest
  @CsvSource({
    "num_hidden_layers",
    "hidden_size",
    "vocab_size",
    "ffn_dim",
    "num_attention_heads",
    "head_dim",
    "max_position_embeddings",
    "word_embed_proj_dim"
  })
  void ofOptNoCountIs(String key) throws IOException {
    refuses(TestConfigs.OPT, "{'" + key + "': 2147483647}", key + " is 2147483647, expected at");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'n_layer': 2147483647} | n_layer is 2147483647",
        "{'hidden_size': 2147483647} | hidden_size is 2147483647",
        "{'n_head': 2147483647} | n_head is 2147483647",
        "{'n_head': 48, 'head_dim': 48} | n_head is 48 of width 144, expected at most 192 together",
        "{'head_dim': 2147483647} | head_dim is 2147483647",
        "{'intermediate_size': 2147483647} | intermediate_size is 2147483647",
        "{'minillm': {'alibi': {'heads': 2147483647, 'kept': []}}} | heads is 2147483647"
      },
      quoteCharacter = '`')
  void ofBloomNoCountIs(String changes, String words) throws IOException {
    refuses(TestConfigs.BLOOM, changes, words, "expected at most ");
  }

  @Test
  void nothingIsWiderThanTheTensors() throws IOException {
    refuses(
        TestConfigs.LLAMA,
        "{'num_attention_heads': 96, 'num_key_value_heads': 48, 'head_dim': 98}",
        "num_attention_heads is 96 of width 98, expected at most 100 together");
  }

  @Test
  void aModelThatIsStillToBeMadeHasLimitsToo() {
    for (String key : new String[] {"num_hidden_layers", "hidden_size", "head_dim"}) {
      assertThatThrownBy(
              () ->
                  TestConfigs.decoder(
                      TestConfigs.with(TestConfigs.LLAMA, "{'" + key + "': 2147483646}")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContainingAll(key, "2147483646", "no model is that large");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'num_hidden_layers': [2]} | num_hidden_layers: expected an integer, found an array",
        "{'vocab_size': '256'} | vocab_size: expected an integer, found \"256\"",
        "{'vocab_size': true} | vocab_size: expected an integer, found true",
        "{'hidden_size': 4.5} | hidden_size: expected an integer, found 4.5",
        "{'hidden_size': -1} | hidden_size is -1, expected at least 1",
        "{'rms_norm_eps': -1} | rms_norm_eps: expected a number above 0",
        "{'rms_norm_eps': 0} | rms_norm_eps: expected a number above 0",
        "{'rms_norm_eps': 1e-99} | rms_norm_eps: expected a number above 0",
        "{'rms_norm_eps': 'NaN'} | rms_norm_eps: expected a finite number, found \"NaN\"",
        "{'rms_norm_eps': 1e400} | rms_norm_eps: expected a finite number, found 1e400",
        "{'rope_theta': 0} | rope_theta: expected a number above 0",
        "{'rope_theta': -10000} | rope_theta: expected a number above 0",
        "{'rope_theta': [1]} | rope_theta: expected a finite number, found an array",
        "{'rope_scaling': 'linear'} | rope_scaling: expected an object, found \"linear\"",
        "{'rope_scaling': {'type': 'linear', 'factor': 0}} | rope_scaling.factor: expected a number",
        "{'rope_scaling': {'type': 'linear', 'factor': -2}} | rope_scaling.factor: expected",
        "{'rope_scaling': {'type': 'linear'}} | rope_scaling: key \"factor\" is missing",
        "{'rope_parameters': {'full_attention': {'rope_theta': 1}}} |"
            + " rope_parameters.full_attention: expected a single value, found an object",
        "{'rope_scaling': {'type': 'llama3', 'factor': 8, 'low_freq_factor': 4,"
            + " 'high_freq_factor': 1, 'original_max_position_embeddings': 64}} |"
            + " high_freq_factor is 1.0, expected more than low_freq_factor 4.0",
        "{'rope_scaling': {'rope_type': 'longrope', 'long_factor': [1, 2]}} |"
            + " rope_scaling: rope_type is \"longrope\", expected default, linear or llama3",
        "{'partial_rotary_factor': 0.5} | partial_rotary_factor is 0.5, expected 1",
        "{'attention_bias': 'no'} | attention_bias: expected true or false, found \"no\"",
        "{'tie_word_embeddings': 1} | tie_word_embeddings: expected true or false, found 1",
        "{'hidden_act': ['silu']} | hidden_act: expected a string, found an array",
        "{'max_position_embeddings': 0} | max_position_embeddings is 0, expected at least 1",
        "{'model_type': ['llama']} | model_type: expected a string, found an array",
        "{'model_type': null} | model_type: expected a string, found null",
        "{'per_layer_config': [1]} | per_layer_config: expected an object, found an array",
        "{'per_layer_config': {'2': {}}} | per_layer_config: layer \"2\", expected 0 to 1",
        "{'per_layer_config': {'all': {}}} | per_layer_config: layer \"all\", expected 0 to 1",
        "{'per_layer_config': {'1': 7}} | per_layer_config.1: expected an object, found 7",
        "{'per_layer_config': {'1': {'head_dim': 4}}} | per_layer_config.1: unknown key \"head_dim\"",
        "{'per_layer_config': {'1': {'num_attention_heads': 1}}} |"
            + " per_layer_config.1: num_attention_heads is 1, expected 2 for each",
        "{'per_layer_config': {'1': {'num_attention_heads': 4, 'num_key_value_heads': 1}}} |"
            + " per_layer_config.1: num_attention_heads is 4, expected 2 for each"
      },
      quoteCharacter = '`')
  void valuesOfAnotherFormOrSenseAreRefused(String changes, String message) throws IOException {
    refuses(TestConfigs.LLAMA, changes, message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"eos_token_id\": \"2\"} | eos_token_id: expected an integer, found \"2\"",
        "{\"eos_token_id\": [2, [3]]} | eos_token_id[1]: expected an integer, found an array",
        "{\"eos_token_id\": 1e400} | eos_token_id: expected an integer, found 1e400",
        "{\"eos_token_id\": {}} | eos_token_id: expected an integer, found an object"
      },
      quoteCharacter = '`')
  void endTokensOfAnotherFormAreRefused(String generation, String message) throws IOException {
    Path folder = SpoiltModel.of(TestConfigs.LLAMA).in(temp.resolve("model"));
    Path file = Files.writeString(folder.resolve("generation_config.json"), generation);
    try (CausalLm model = CausalLm.open(folder)) {
      assertThatThrownBy(model::endTokens)
          .isInstanceOf(MalformedFileException.class)
          .hasMessage(file + ": " + message);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{} | 7",
        "{\"eos_token_id\": 2} | 2",
        "{\"eos_token_id\": [2, 3]} | 2 3",
        "{\"eos_token_id\": null} | ''"
      })
  void endTokensOfGenerationGoBeforeThoseOfTheModel(String generation, String ids)
      throws IOException {
    Path folder =
        SpoiltModel.of(TestConfigs.LLAMA).config("{'eos_token_id': 7}").in(temp.resolve("model"));
    Files.writeString(folder.resolve("generation_config.json"), generation);
    try (CausalLm model = CausalLm.open(folder)) {
      assertThat(model.endTokens().stream().map(String::valueOf).toList())
          .isEqualTo(com.google.common.base.Splitter.on(' ').omitEmptyStrings().splitToList(ids));
    }
  }
}
