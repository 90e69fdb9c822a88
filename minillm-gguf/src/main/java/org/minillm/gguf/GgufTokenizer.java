package org.minillm.gguf;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.MalformedFileException;
import org.minillm.core.tokenizer.SentencePieceModel;
import org.minillm.core.tokenizer.SentencePieceModel.Kind;
import org.minillm.core.tokenizer.SentencePieceModel.Piece;
import org.minillm.core.tokenizer.TokenizerText;

/** Makes of the keys of a file the tokenizer.json and tokenizer_config.json of a folder. */
final class GgufTokenizer {

  private static final String PREFIX = "tokenizer.ggml.";

  /** Names of a token's role: in a folder's files, and here. */
  private static final ImmutableMap<String, String> ROLES =
      ImmutableMap.of("bos", "bos", "eos", "eos", "unk", "unknown", "pad", "padding");

  private final GgufKeys keys;
  private final List<String> tokens;
  private final List<Long> kinds;

  private GgufTokenizer(GgufKeys keys) throws MalformedFileException {
    this.keys = keys;
    this.tokens = keys.items(PREFIX + "tokens", String.class);
    this.kinds =
        keys.has(PREFIX + "token_type")
            ? keys.items(PREFIX + "token_type", Long.class)
            : tokens.stream().map(token -> (long) Kind.NORMAL.number()).toList();
    if (kinds.size() != tokens.size()) {
      throw keys.refuse("%d tokens, but the types of %d".formatted(tokens.size(), kinds.size()));
    }
  }

  /**
   * Makes the files.
   *
   * @return by name; none where the file has a tokenizer that is not read
   * @throws MalformedFileException if what it says contradicts itself
   */
  static ImmutableMap<String, String> texts(GgufKeys keys) throws IOException {
    Optional<String> model = keys.text(PREFIX + "model");
    if (model.isEmpty() || !keys.has(PREFIX + "tokens")) {
      return ImmutableMap.of();
    }
    GgufTokenizer tokenizer = new GgufTokenizer(keys);
    JsonObject config = tokenizer.config();
    Optional<String> json =
        switch (model.get()) {
          case "gpt2" -> tokenizer.bytePairs();
          case "llama" -> Optional.of(tokenizer.pieces(config));
          default -> Optional.empty();
        };
    return json.isEmpty()
        ? ImmutableMap.of()
        : ImmutableMap.of(
            TokenizerText.FILE, json.get(), "tokenizer_config.json", config.toString());
  }

  private JsonObject config() throws MalformedFileException {
    JsonObject config = new JsonObject();
    config.addProperty("tokenizer_class", "PreTrainedTokenizerFast");
    for (String role : ROLES.keySet()) {
      Optional<Integer> id = keys.count(PREFIX + ROLES.get(role) + "_token_id");
      if (id.isPresent() && id.get() < tokens.size()) {
        config.addProperty(role + "_token", tokens.get(id.get()));
      }
    }
    for (String flag : List.of("add_bos_token", "add_eos_token")) {
      keys.flag(PREFIX + flag).ifPresent(value -> config.addProperty(flag, value));
    }
    keys.text("tokenizer.chat_template")
        .ifPresent(template -> config.addProperty("chat_template", template));
    return config;
  }

  private boolean is(int id, Kind... some) {
    return Arrays.stream(some).anyMatch(kind -> kinds.get(id) == kind.number());
  }

  /** Empty where the rules that split a text are not known here. */
  private Optional<String> bytePairs() throws MalformedFileException {
    String pre = keys.text(PREFIX + "pre").orElse("default");
    Optional<String> rules = PreTokenizer.json(pre);
    if (rules.isEmpty()) {
      return Optional.empty();
    }
    JsonObject model = new JsonObject();
    model.addProperty("type", "BPE");
    model.addProperty("fuse_unk", false);
    model.addProperty("byte_fallback", false);
    model.addProperty("ignore_merges", PreTokenizer.ignoresMerges(pre));
    model.add("vocab", vocabulary());
    model.add("merges", merges());
    JsonObject json = new JsonObject();
    json.addProperty("version", "1.0");
    json.add("added_tokens", added());
    json.add("normalizer", normalizer(pre));
    json.add("pre_tokenizer", JsonParser.parseString(rules.get()));
    json.add("decoder", JsonParser.parseString(PreTokenizer.BYTE_LEVEL_DECODER));
    json.add("model", model);
    return Optional.of(json.toString());
  }

  /** llama.cpp has none; Qwen's composes characters in Hugging Face's form. */
  private static JsonElement normalizer(String pre) {
    return pre.equals("qwen2") ? JsonParser.parseString("{\"type\":\"NFC\"}") : JsonNull.INSTANCE;
  }

  private JsonObject vocabulary() throws MalformedFileException {
    JsonObject vocabulary = new JsonObject();
    for (int id = 0; id < tokens.size(); id++) {
      if (!is(id, Kind.UNUSED)) {
        if (vocabulary.has(tokens.get(id))) {
          throw keys.refuse("two tokens with one text, the second is " + id);
        }
        vocabulary.addProperty(tokens.get(id), id);
      }
    }
    return vocabulary;
  }

  private JsonArray merges() throws MalformedFileException {
    JsonArray merges = new JsonArray();
    Set<String> known = new HashSet<>(tokens);
    for (String merge : keys.items(PREFIX + "merges", String.class)) {
      int space = merge.indexOf(' ', 1);
      if (space < 0
          || !known.contains(merge.substring(0, space))
          || !known.contains(merge.substring(space + 1))) {
        throw keys.refuse(
            "a merge of something else than two tokens: \"" + JsonNode.shortened(merge) + "\"");
      }
      JsonArray pair = new JsonArray();
      pair.add(merge.substring(0, space));
      pair.add(merge.substring(space + 1));
      merges.add(pair);
    }
    return merges;
  }

  private JsonArray added() {
    JsonArray added = new JsonArray();
    for (int id = 0; id < tokens.size(); id++) {
      if (is(id, Kind.CONTROL, Kind.USER_DEFINED, Kind.UNKNOWN)) {
        JsonObject token = new JsonObject();
        token.addProperty("id", id);
        token.addProperty("content", tokens.get(id));
        for (String flag : List.of("single_word", "lstrip", "rstrip", "normalized")) {
          token.addProperty(flag, false);
        }
        token.addProperty("special", !is(id, Kind.USER_DEFINED));
        added.add(token);
      }
    }
    return added;
  }

  private String pieces(JsonObject config) throws IOException {
    List<Double> scores = keys.items(PREFIX + "scores", Double.class);
    if (scores.size() != tokens.size()) {
      throw keys.refuse("%d tokens, but %d scores".formatted(tokens.size(), scores.size()));
    }
    List<Piece> pieces = new ArrayList<>();
    int unknown = keys.count(PREFIX + "unknown_token_id").orElse(0);
    for (int id = 0; id < tokens.size(); id++) {
      double score = scores.get(id);
      if (!Double.isFinite(score) || tokens.get(id).isEmpty()) {
        throw keys.refuse("token " + id + " has no text or no finite score");
      }
      pieces.add(new Piece(tokens.get(id), (float) score, kind(id)));
    }
    if (unknown >= pieces.size()) {
      throw keys.refuse("the unknown token is " + unknown + " of " + pieces.size());
    }
    boolean prefix = keys.flag(PREFIX + "add_space_prefix").orElse(true);
    config.addProperty("add_prefix_space", prefix);
    return TokenizerText.of(
            keys.file(),
            new SentencePieceModel(
                ImmutableList.copyOf(pieces),
                SentencePieceModel.Algorithm.BPE,
                unknown,
                pieces.get(unknown).text(),
                true,
                new SentencePieceModel.Normalizer("", prefix, false)),
            config)
        .json();
  }

  private Kind kind(int id) throws MalformedFileException {
    return Arrays.stream(Kind.values())
        .filter(kind -> kind.number() == kinds.get(id))
        .findFirst()
        .orElseThrow(() -> keys.refuse("token " + id + " is of the unknown type " + kinds.get(id)));
  }
}
