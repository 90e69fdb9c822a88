package org.minillm.gguf;

import com.google.common.collect.ImmutableBiMap;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What tensors are called in Hugging Face's checkpoints and in llama.cpp's files, both ways. Names
 * end in {@code .weight} or {@code .bias} in both.
 */
enum TensorNames {
  /** LLaMA and the families that took its names over. */
  LLAMA(
      "model.",
      "layers.",
      ImmutableBiMap.of("embed_tokens", "token_embd", "norm", "output_norm", "lm_head", "output"),
      ImmutableBiMap.<String, String>builder()
          .put("input_layernorm", "attn_norm")
          .put("self_attn.q_proj", "attn_q")
          .put("self_attn.k_proj", "attn_k")
          .put("self_attn.v_proj", "attn_v")
          .put("self_attn.o_proj", "attn_output")
          .put("self_attn.q_norm", "attn_q_norm")
          .put("self_attn.k_norm", "attn_k_norm")
          .put("post_attention_layernorm", "ffn_norm")
          .put("mlp.gate_proj", "ffn_gate")
          .put("mlp.up_proj", "ffn_up")
          .put("mlp.down_proj", "ffn_down")
          .build()),
  /** BLOOM. */
  BLOOM(
      "transformer.",
      "h.",
      ImmutableBiMap.of(
          "word_embeddings", "token_embd",
          "word_embeddings_layernorm", "token_embd_norm",
          "ln_f", "output_norm",
          "lm_head", "output"),
      ImmutableBiMap.<String, String>builder()
          .put("input_layernorm", "attn_norm")
          .put("self_attention.query_key_value", "attn_qkv")
          .put("self_attention.dense", "attn_output")
          .put("post_attention_layernorm", "ffn_norm")
          .put("mlp.dense_h_to_4h", "ffn_up")
          .put("mlp.dense_4h_to_h", "ffn_down")
          .build());

  private static final String HEAD = "lm_head";
  private static final Pattern KIND = Pattern.compile("(.+)(\\.weight|\\.bias)");
  private static final Pattern BLOCK = Pattern.compile("blk\\.(\\d+)\\.(.+)");

  private final String prefix;
  private final Pattern layer;
  private final String layers;
  private final ImmutableBiMap<String, String> whole;
  private final ImmutableBiMap<String, String> block;

  TensorNames(
      String prefix,
      String layers,
      ImmutableBiMap<String, String> whole,
      ImmutableBiMap<String, String> block) {
    this.prefix = prefix;
    this.layers = layers;
    this.layer = Pattern.compile(Pattern.quote(layers) + "(\\d+)\\.(.+)");
    this.whole = whole;
    this.block = block;
  }

  /**
   * Names a tensor of a checkpoint as llama.cpp does.
   *
   * @param name with or without the family's prefix
   * @return empty where the family has no such tensor
   */
  Optional<String> gguf(String name) {
    String bare = name.startsWith(prefix) ? name.substring(prefix.length()) : name;
    Matcher kind = KIND.matcher(bare);
    if (!kind.matches()) {
      return Optional.empty();
    }
    Matcher inLayer = layer.matcher(kind.group(1));
    return inLayer.matches()
        ? Optional.ofNullable(block.get(inLayer.group(2)))
            .map(found -> "blk." + inLayer.group(1) + "." + found + kind.group(2))
        : Optional.ofNullable(whole.get(kind.group(1))).map(found -> found + kind.group(2));
  }

  /**
   * Names a tensor of a GGUF file as the family's checkpoints do, with their prefix.
   *
   * @return empty where it is none of the family's
   */
  Optional<String> huggingFace(String name) {
    Matcher kind = KIND.matcher(name);
    if (!kind.matches()) {
      return Optional.empty();
    }
    Matcher inBlock = BLOCK.matcher(kind.group(1));
    if (inBlock.matches()) {
      return Optional.ofNullable(block.inverse().get(inBlock.group(2)))
          .map(found -> prefix + layers + inBlock.group(1) + "." + found + kind.group(2));
    }
    return Optional.ofNullable(whole.inverse().get(kind.group(1)))
        .map(found -> (found.equals(HEAD) ? "" : prefix) + found + kind.group(2));
  }
}
