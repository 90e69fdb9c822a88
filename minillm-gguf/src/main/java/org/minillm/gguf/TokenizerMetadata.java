package org.minillm.gguf;

import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableIntArray;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.MalformedFileException;

/** The keys of a tokenizer, from a model's tokenizer.json and tokenizer_config.json. */
final class TokenizerMetadata {

  private static final String PREFIX = "tokenizer.ggml.";

  /** Kinds of tokens, as llama.cpp numbers them. */
  private static final int NORMAL = 1;

  private static final int UNKNOWN = 2;
  private static final int CONTROL = 3;
  private static final int USER_DEFINED = 4;
  private static final int UNUSED = 5;
  private static final int BYTE = 6;

  private final TokenizerJson tokenizer;
  private final ImmutableMap.Builder<String, GgufValue> keys = ImmutableMap.builder();

  private TokenizerMetadata(TokenizerJson tokenizer) {
    this.tokenizer = tokenizer;
  }

  /**
   * Reads the tokenizer of a checkpoint.
   *
   * @param checkpoint open
   * @param vocabSize rows of the embedding
   * @return keys and values
   * @throws MalformedFileException if there is none, or none that llama.cpp has
   */
  static ImmutableMap<String, GgufValue> read(Checkpoint checkpoint, int vocabSize)
      throws IOException {
    Path folder = checkpoint.path();
    TokenizerMetadata made = new TokenizerMetadata(TokenizerJson.read(checkpoint, vocabSize));
    try {
      if (made.tokenizer.modelFlag("byte_fallback")) {
        made.pieces();
      } else {
        made.bytePairs();
      }
    } catch (IllegalArgumentException e) {
      throw new MalformedFileException(folder.resolve("tokenizer.json") + ": " + e.getMessage(), e);
    }
    SpecialTokens special = SpecialTokens.read(checkpoint, made.tokenizer);
    special.ids().forEach((role, id) -> made.put(role + "_token_id", GgufValue.uint32(id)));
    made.put("add_bos_token", GgufValue.flag(special.addsStart()));
    made.put("add_eos_token", GgufValue.flag(special.addsEnd()));
    special
        .chatTemplate()
        .ifPresent(text -> made.keys.put("tokenizer.chat_template", GgufValue.text(text)));
    return made.keys.buildOrThrow();
  }

  private void put(String key, GgufValue value) {
    keys.put(PREFIX + key, value);
  }

  private void bytePairs() {
    JsonNode normalizer = tokenizer.root().find("normalizer").orElse(null);
    if (normalizer != null
        && !normalizer.isNull()
        && !normalizer.get("type").text().equals("NFC")) {
      throw normalizer.refuse(
          "llama.cpp normalises no text for byte pairs, expected null or NFC; give a GGUF file of"
              + " the dense model as the setting \"template\"");
    }
    put("model", GgufValue.text("gpt2"));
    put("pre", GgufValue.text(PreTokenizer.name(tokenizer)));
    putTokens();
    put(
        "merges",
        GgufValue.texts(
            tokenizer.merges().stream()
                .map(merge -> merge.first() + " " + merge.second())
                .toList()));
  }

  private void pieces() {
    put("model", GgufValue.text("llama"));
    put("pre", GgufValue.text("default"));
    putTokens();
    put("scores", GgufValue.float32s(PieceScores.of(tokenizer)));
    put("add_space_prefix", GgufValue.flag(SpacePrefix.of(tokenizer.root())));
  }

  private void putTokens() {
    List<String> texts = new ArrayList<>();
    ImmutableIntArray.Builder types = ImmutableIntArray.builder();
    for (int id = 0; id < tokenizer.tokens().size(); id++) {
      String token = tokenizer.tokens().get(id);
      texts.add(token == null ? "[PAD" + id + "]" : token);
      types.add(type(token));
    }
    put("tokens", GgufValue.texts(texts));
    put("token_type", GgufValue.int32s(types.build()));
  }

  private int type(@Nullable String token) {
    if (token == null) {
      return UNUSED;
    }
    if (tokenizer.modelFlag("byte_fallback")) {
      Optional<String> unknown =
          tokenizer.model().find("unk_token").filter(text -> !text.isNull()).map(JsonNode::text);
      if (token.equals(unknown.orElse(null))) {
        return UNKNOWN;
      }
      if (token.matches("<0x[0-9A-F]{2}>")) {
        return BYTE;
      }
    }
    TokenizerJson.Added added = tokenizer.added().get(token);
    return added == null ? NORMAL : added.special() ? CONTROL : USER_DEFINED;
  }
}
