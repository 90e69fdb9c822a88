package org.minillm.core.tokenizer;

import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;

/**
 * The added tokens of a tokenizer, numbered as the tokenizers library numbers them: one that the
 * vocabulary has keeps its id, another one gets the next.
 *
 * <p>Of what is said of a token again the last holds, but for {@code normalized}: there the library
 * goes on to look for what it was told first, and does not say so in the tokenizer.json that it
 * writes. Tokens are what it finds, not what it writes.
 */
final class AddedTokens {

  private final Map<String, Integer> vocabulary;
  private final TreeMap<Integer, AddedToken> byId = new TreeMap<>();
  private final Map<String, Integer> ids = new HashMap<>();

  /** Those that are special: what is said of them again does not count. */
  private final Set<String> special = new HashSet<>();

  /** Those that are looked for in the text as it is. */
  private final Set<String> asWritten = new HashSet<>();

  /**
   * Makes an empty one.
   *
   * @param vocabulary ids of the model's own tokens
   */
  AddedTokens(Map<String, Integer> vocabulary) {
    this.vocabulary = vocabulary;
  }

  /**
   * Adds tokens at once: one that was there before just as it is now is passed over, even where
   * another of them changes it.
   */
  void addAll(List<AddedToken> tokens) {
    Set<AddedToken> before = new HashSet<>(byId.values());
    for (AddedToken token : tokens) {
      if (token.special() && special.add(token.content()) && !token.normalized()) {
        asWritten.add(token.content());
      }
    }
    for (AddedToken token : tokens) {
      if (!token.content().isEmpty() && !before.contains(token)) {
        add(token);
      }
    }
  }

  private void add(AddedToken token) {
    int id = id(token.content()).orElseGet(this::next);
    ids.put(token.content(), id);
    byId.put(id, token);
    if (!special.contains(token.content()) && !token.normalized()) {
      asWritten.add(token.content());
    }
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
      boolean normalized = !asWritten.contains(token.getValue().content());
      token.getValue().normalized(normalized).write(token.getKey(), out);
    }
    out.endArray();
  }
}
