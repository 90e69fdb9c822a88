package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.google.gson.JsonObject;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a config.json that cannot be computed is refused with. */
class ConfigErrorsTest {

  private static void refuses(String config, String changes, String message) {
    JsonObject changed = TestConfigs.with(config, changes);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TestConfigs.decoder(changed))
        .withMessage(message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'hidden_act': 'gelu'} | hidden_act: expected \"silu\", found \"gelu\"",
        "{'num_key_value_heads': 4} | num_key_value_heads is 4,"
            + " expected a divisor of num_attention_heads 6",
        "{'head_dim': 7} | head_dim is 7, expected an even number",
        "{'num_attention_heads': 9} | num_attention_heads is 9,"
            + " expected a divisor of hidden_size 48, or head_dim set",
        "{'vocab_size': null} | key \"vocab_size\" is missing",
        "{'intermediate_size': 0} | intermediate_size is 0, expected at least 1",
        "{'rope_scaling': {'rope_type': 'yarn'}} | rope_scaling: rope_type is \"yarn\","
            + " expected default, linear or llama3",
        "{'quantization_config': {}} | quantization_config is set; quantised weights cannot be"
            + " pruned; use the unquantised model"
      },
      quoteCharacter = '`')
  void ofLlama(String changes, String message) {
    refuses(TestConfigs.LLAMA, changes, message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'activation_function': 'tanh'} | activation_function: expected \"relu\" or \"gelu\","
            + " found \"tanh\"",
        "{'num_attention_heads': 5} | num_attention_heads is 5,"
            + " expected a divisor of hidden_size 48, or head_dim set",
        "{'ffn_dim': null} | key \"ffn_dim\" is missing",
        "{'do_layer_norm_before': 1} | do_layer_norm_before: expected true or false, found 1",
        "{'word_embed_proj_dim': 'x'} | word_embed_proj_dim: expected an integer, found \"x\"",
        "{'quantization_config': {}} | quantization_config is set; quantised weights cannot be"
            + " pruned; use the unquantised model"
      },
      quoteCharacter = '`')
  void ofOpt(String changes, String message) {
    refuses(TestConfigs.OPT, changes, message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'n_head': 5} | n_head is 5, expected a divisor of hidden_size 48, or head_dim set",
        "{'n_head': null} | key \"n_head\" is missing",
        "{'n_layer': null} | key \"n_layer\" is missing",
        "{'layer_norm_epsilon': []} | layer_norm_epsilon: expected a finite number, found an array",
        "{'quantization_config': {}} | quantization_config is set; quantised weights cannot be"
            + " pruned; use the unquantised model",
        // places of heads: too few lists, too many heads, out of order, not a list
        "{'minillm': {'alibi': {'heads': 6, 'kept': [[0, 1, 2, 3, 4, 5]]}}} |"
            + " minillm.alibi.kept has 1 lists, expected one a layer (2)",
        "{'per_layer_config': {'1': {'n_head': 4}}} | layer 1 has 4 heads, but minillm.alibi.kept"
            + " names 6; every head needs its place in the dense model",
        "{'minillm': {'alibi': {'heads': 6, 'kept': [[1, 0]]}}} | minillm.alibi.kept[0][1]:"
            + " expected ascending numbers from 0 to 5, found 0",
        "{'minillm': {'alibi': {'heads': 6, 'kept': [[0, 6]]}}} | minillm.alibi.kept[0][1]:"
            + " expected ascending numbers from 0 to 5, found 6",
        "{'minillm': {'alibi': {'heads': 6, 'kept': 3}}} | minillm.alibi.kept: expected an array,"
            + " found 3",
        "{'minillm': {'alibi': {'heads': 6}}} | minillm.alibi: key \"kept\" is missing"
      },
      quoteCharacter = '`')
  void ofBloom(String changes, String message) {
    refuses(TestConfigs.BLOOM, changes, message);
  }
}
