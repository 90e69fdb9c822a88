package org.minillm.gguf;

import com.google.common.collect.ImmutableList;
import com.google.gson.JsonElement;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.MalformedFileException;
import org.minillm.core.runtime.Tokenizer;

/**
 * A tokenizer.json of byte pairs.
 *
 * @param root the whole, for what else it says
 * @param tokens by id, null where no token has it; those that were added included
 * @param added what was added to the model's vocabulary, by text
 * @param merges pairs in the order in which they are joined
 */
record TokenizerJson(
    JsonNode root, List<@Nullable String> tokens, Map<String, Added> added, List<Merge> merges) {

  private static final List<JsonNode> NONE = List.of();

  /** A token that is found in the text before all else. */
  record Added(int id, boolean special) {}

  /** Two tokens that become one. */
  record Merge(String first, String second) {
    String joined() {
      return first + second;
    }
  }

  /**
   * Reads the tokenizer of a checkpoint.
   *
   * @param vocabSize rows of the embedding: no id may be larger
   * @throws MalformedFileException if there is none, or it is not one of byte pairs
   */
  static TokenizerJson read(Checkpoint checkpoint, int vocabSize) throws IOException {
    String json;
    try {
      json = Tokenizer.json(checkpoint);
    } catch (NoSuchFileException e) {
      throw new MalformedFileException(
          checkpoint.path()
              + ": no tokenizer.json, expected one beside the weights, or a GGUF file of the"
              + " dense model as the setting \"template\"",
          e);
    }
    try {
      return parse(JsonNode.parse(json), vocabSize);
    } catch (IllegalArgumentException e) {
      throw new MalformedFileException(
          checkpoint.path().resolve("tokenizer.json") + ": " + e.getMessage(), e);
    }
  }

  private static TokenizerJson parse(JsonNode root, int vocabSize) {
    JsonNode model = root.get("model");
    String type = model.find("type").map(JsonNode::text).orElse("BPE");
    if (!type.equals("BPE")) {
      throw model.refuse(
          "a tokenizer of type %s, expected BPE; give a GGUF file of the dense model as the setting"
                  .formatted(JsonNode.shortened(type))
              + " \"template\"");
    }
    for (String key : List.of("dropout", "continuing_subword_prefix", "end_of_word_suffix")) {
      model
          .find(key)
          .filter(value -> !value.isNull() && !value.element().getAsString().isEmpty())
          .ifPresent(
              value -> {
                throw value.refuse("llama.cpp does not know it, expected null");
              });
    }
    List<@Nullable String> tokens = new ArrayList<>();
    for (int i = 0; i < vocabSize; i++) {
      tokens.add(null);
    }
    JsonNode vocabulary = model.get("vocab");
    for (Map.Entry<String, JsonElement> entry : vocabulary.object().entrySet()) {
      int id = new JsonNode("model.vocab", entry.getValue()).integer();
      set(tokens, id, entry.getKey(), vocabulary);
    }
    Map<String, Added> added = new HashMap<>();
    for (JsonNode token : root.find("added_tokens").map(JsonNode::items).orElse(NONE)) {
      requireNoStripping(token);
      int id = token.get("id").integer();
      set(tokens, id, token.get("content").text(), token);
      boolean special = token.find("special").map(JsonNode::flag).orElse(false);
      added.put(token.get("content").text(), new Added(id, special));
    }
    return new TokenizerJson(root, tokens, added, merges(model.get("merges")));
  }

  private static void set(List<@Nullable String> tokens, int id, String text, JsonNode place) {
    if (id < 0 || id >= tokens.size()) {
      throw place.refuse(
          "a token of id %s, expected ids below %s: the embedding has no more rows"
              .formatted(id, tokens.size()));
    }
    if (tokens.get(id) != null && !text.equals(tokens.get(id))) {
      throw place.refuse("two tokens of id " + id);
    }
    tokens.set(id, text);
  }

  private static void requireNoStripping(JsonNode token) {
    for (String key : List.of("lstrip", "rstrip", "single_word")) {
      token
          .find(key)
          .filter(JsonNode::flag)
          .ifPresent(
              flag -> {
                throw flag.refuse(
                    "a GGUF file cannot say it, expected false; give a GGUF file of the dense model"
                        + " as the setting \"template\"");
              });
    }
  }

  private static List<Merge> merges(JsonNode merges) {
    ImmutableList.Builder<Merge> read = ImmutableList.builder();
    for (JsonNode merge : merges.items()) {
      if (merge.isArray()) {
        List<JsonNode> pair = merge.items();
        if (pair.size() != 2) {
          throw merge.expected("two tokens");
        }
        read.add(new Merge(pair.get(0).text(), pair.get(1).text()));
      } else {
        int space = merge.text().indexOf(' ', 1);
        if (space < 0) {
          throw merge.expected("two tokens with a space between them");
        }
        read.add(new Merge(merge.text().substring(0, space), merge.text().substring(space + 1)));
      }
    }
    return read.build();
  }

  JsonNode model() {
    return root.get("model");
  }

  boolean modelFlag(String key) {
    return model().find(key).filter(value -> !value.isNull()).map(JsonNode::flag).orElse(false);
  }

  /** Finds the id of a token; null where there is none. */
  @Nullable Integer id(String token) {
    Added found = added.get(token);
    if (found != null) {
      return found.id();
    }
    int id = tokens.indexOf(token);
    return id < 0 ? null : id;
  }
}
