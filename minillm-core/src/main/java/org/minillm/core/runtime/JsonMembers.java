package org.minillm.core.runtime;

import java.util.HashMap;
import java.util.Map;

/** The members of an object as they are written, cut out of a text that was parsed before. */
final class JsonMembers {

  private final String json;
  private int at;

  private JsonMembers(String json) {
    this.json = json;
  }

  /**
   * Cuts a text.
   *
   * @param json an object, known to be valid
   * @return the text of each value, under its name as it is written between the quotes
   */
  static Map<String, String> of(String json) {
    return new JsonMembers(json).members();
  }

  private Map<String, String> members() {
    Map<String, String> members = new HashMap<>();
    at = json.indexOf('{') + 1;
    skipTo('"', '}');
    while (json.charAt(at) == '"') {
      int name = at;
      skipString();
      String key = json.substring(name + 1, at - 1);
      skipTo(':', ':');
      int value = ++at;
      skipValue();
      members.put(key, json.substring(value, at));
      skipTo('"', '}');
    }
    return members;
  }

  private void skipTo(char one, char other) {
    while (json.charAt(at) != one && json.charAt(at) != other) {
      at++;
    }
  }

  /** From the opening quote to behind the closing one. */
  private void skipString() {
    for (at++; json.charAt(at) != '"'; at++) {
      if (json.charAt(at) == '\\') {
        at++;
      }
    }
    at++;
  }

  /** To the comma or the brace that follows a value. */
  private void skipValue() {
    for (int depth = 0; ; ) {
      char next = json.charAt(at);
      if (next == '"') {
        skipString();
      } else if (depth == 0 && (next == ',' || next == '}')) {
        return;
      } else {
        depth += next == '{' || next == '[' ? 1 : next == '}' || next == ']' ? -1 : 0;
        at++;
      }
    }
  }
}
