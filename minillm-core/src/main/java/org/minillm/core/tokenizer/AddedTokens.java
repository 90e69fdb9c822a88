package org.minillm.core.tokenizer;

import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;

/**
 * The added tokens of a tokenizer, numbered as the tokenizers library numbers them: one that the
 * vocabulary has keeps its id, another one gets the next. The last that was said of a token holds.
 */
final class AddedTokens {

  private final Map<String, Integer> vocabulary;
  private final TreeMap<Integer, AddedToken> byId = new TreeMap<>();
  private final Map<String, Integer> ids = new TreeMap<>();

  /**
   * Makes an empty one.
   *
   * @param vocabulary ids of the model's own tokens
   */
  AddedTokens(Map<String, Integer> vocabulary) {
    this.vocabulary = vocabulary;
  }

  void add(AddedToken token) {
    if (token.content().isEmpty()) {
      return;
    }
    int id = id(token.content()).orElseGet(this::next);
    ids.put(token.content(), id);
    byId.put(id, token);
  }

  private int next() {
    int last = byId.isEmpty() ? -1 : byId.lastKey();
    return Math.max(last + 1, vocabulary.size());
  }

  /** Finds a token among those added and those of the model. */
  OptionalInt id(String content) {
    Integer added = ids.get(content);
    Integer id = added == null ? vocabulary.get(content) : added;
    return id == null ? OptionalInt.empty() : OptionalInt.of(id);
  }

  boolean contains(String content) {
    return ids.containsKey(content);
  }

  void write(JsonWriter out) throws IOException {
    out.beginArray();
    for (Map.Entry<Integer, AddedToken> token : byId.entrySet()) {
      token.getValue().write(token.getKey(), out);
    }
    out.endArray();
  }
}
