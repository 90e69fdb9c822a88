package org.minillm.gguf;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TensorNamesTest {

  @ParameterizedTest
  @CsvSource({
    "LLAMA, model.embed_tokens.weight, token_embd.weight",
    "LLAMA, model.norm.weight, output_norm.weight",
    "LLAMA, lm_head.weight, output.weight",
    "LLAMA, model.layers.12.self_attn.q_proj.bias, blk.12.attn_q.bias",
    "LLAMA, model.layers.0.mlp.down_proj.weight, blk.0.ffn_down.weight",
    "BLOOM, transformer.word_embeddings_layernorm.bias, token_embd_norm.bias",
    "BLOOM, transformer.h.3.self_attention.query_key_value.weight, blk.3.attn_qkv.weight",
    "BLOOM, lm_head.weight, output.weight",
  })
  void namesLeadThereAndBack(TensorNames names, String huggingFace, String gguf) {
    assertThat(names.gguf(huggingFace)).contains(gguf);
    assertThat(names.huggingFace(gguf)).contains(huggingFace);
  }

  @ParameterizedTest
  @CsvSource({
    "LLAMA, layers.0.mlp.up_proj.weight, blk.0.ffn_up.weight",
    "BLOOM, h.0.mlp.dense_h_to_4h.bias, blk.0.ffn_up.bias",
  })
  void aFamilyIsPublishedWithoutItsPrefixToo(TensorNames names, String bare, String gguf) {
    assertThat(names.gguf(bare)).contains(gguf);
  }

  @ParameterizedTest
  @CsvSource({
    "LLAMA, model.layers.0.self_attn.rotary_emb.inv_freq",
    "LLAMA, blk.0.attn_q.weight",
    "BLOOM, transformer.h.0.mlp.up_proj.weight",
  })
  void otherTensorsHaveNoName(TensorNames names, String other) {
    assertThat(names.gguf(other)).isEmpty();
  }
}
