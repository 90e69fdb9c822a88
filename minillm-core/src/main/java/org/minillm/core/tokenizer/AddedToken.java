package org.minillm.core.tokenizer;

import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import org.minillm.core.files.JsonNode;

/**
 * A token that is found in a text before the model sees the rest of it.
 *
 * @param content its text
 * @param singleWord true to be found between other characters than letters only
 * @param lstrip true to take the spaces before it
 * @param rstrip true to take the spaces behind it
 * @param normalized true to be looked for in the normalised text
 * @param special true for a mark that is no text
 */
record AddedToken(
    String content,
    boolean singleWord,
    boolean lstrip,
    boolean rstrip,
    boolean normalized,
    boolean special) {

  /** A token of which a file has the text only: a special one is looked for as it is written. */
  static AddedToken of(String content, boolean special) {
    return new AddedToken(content, false, false, false, !special, special);
  }

  /** Reads a token that is written as an object. */
  static AddedToken read(JsonNode json, boolean special) {
    boolean isSpecial = special || flag(json, "special", false);
    return new AddedToken(
        json.get("content").text(),
        flag(json, "single_word", false),
        flag(json, "lstrip", false),
        flag(json, "rstrip", false),
        flag(json, "normalized", !isSpecial),
        isSpecial);
  }

  private static boolean flag(JsonNode json, String key, boolean otherwise) {
    return json.find(key).map(JsonNode::flag).orElse(otherwise);
  }

  AddedToken asSpecial() {
    return new AddedToken(content, singleWord, lstrip, rstrip, normalized, true);
  }

  AddedToken normalized(boolean other) {
    return new AddedToken(content, singleWord, lstrip, rstrip, other, special);
  }

  void write(int id, JsonWriter out) throws IOException {
    out.beginObject();
    out.name("id").value(id);
    out.name("content").value(content);
    out.name("single_word").value(singleWord);
    out.name("lstrip").value(lstrip);
    out.name("rstrip").value(rstrip);
    out.name("normalized").value(normalized);
    out.name("special").value(special);
    out.endObject();
  }
}
