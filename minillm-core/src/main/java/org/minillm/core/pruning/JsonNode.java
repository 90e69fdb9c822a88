package org.minillm.core.pruning;

import com.google.common.base.Joiner;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Sets;
import com.google.common.primitives.Ints;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.io.StringReader;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * A piece of a JSON file that a person may have edited, and its path in the file for messages. Asks
 * for what it expects and refuses all else with an {@link IllegalArgumentException}.
 */
record JsonNode(String path, JsonElement element) {

  /** Parses strictly (RFC 8259); unlike Gson's own parser, refuses a key that occurs twice. */
  static JsonNode parse(String json) {
    JsonReader in = new JsonReader(new StringReader(json));
    in.setStrictness(Strictness.STRICT);
    try {
      JsonElement root = read(in);
      in.peek(); // throws where more text follows
      return new JsonNode("", root);
    } catch (IOException e) {
      // Gson's advice is for programmers, the position behind it is for all
      String message = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
      int position = Math.max(message.indexOf("at line"), 0);
      throw new IllegalArgumentException("not valid JSON " + message.substring(position), e);
    }
  }

  private static JsonElement read(JsonReader in) throws IOException {
    return switch (in.peek()) {
      case BEGIN_OBJECT -> readObject(in);
      case BEGIN_ARRAY -> {
        JsonArray array = new JsonArray();
        in.beginArray();
        while (in.hasNext()) {
          array.add(read(in));
        }
        in.endArray();
        yield array;
      }
      case NUMBER -> {
        String number = in.nextString();
        Integer small = Ints.tryParse(number);
        yield new JsonPrimitive(small == null ? Double.valueOf(number) : (Number) small);
      }
      case STRING -> new JsonPrimitive(in.nextString());
      case BOOLEAN -> new JsonPrimitive(in.nextBoolean());
      default -> {
        in.nextNull();
        yield JsonNull.INSTANCE;
      }
    };
  }

  private static JsonObject readObject(JsonReader in) throws IOException {
    JsonObject object = new JsonObject();
    in.beginObject();
    while (in.peek() == JsonToken.NAME) {
      String key = in.nextName();
      if (object.has(key)) {
        throw new IllegalArgumentException("key \"" + key + "\" occurs twice, at " + in.getPath());
      }
      object.add(key, read(in));
    }
    in.endObject();
    return object;
  }

  /** Returns the member of an object. */
  JsonNode get(String key) {
    JsonElement member = object().get(key);
    if (member == null) {
      throw refuse("key \"" + key + "\" is missing");
    }
    return new JsonNode(path.isEmpty() ? key : path + "." + key, member);
  }

  Set<String> keys() {
    return object().keySet();
  }

  /** Refuses an object that has a key beyond those named; {@link #get} refuses missing ones. */
  void requireNoKeysBut(String... known) {
    Set<String> unknown = Sets.difference(keys(), ImmutableSet.copyOf(known));
    if (!unknown.isEmpty()) {
      throw refuse(
          "unknown key \"%s\"; the keys are %s"
              .formatted(unknown.iterator().next(), Joiner.on(", ").join(known)));
    }
  }

  boolean isArray() {
    return element.isJsonArray();
  }

  List<JsonNode> items() {
    if (!isArray()) {
      throw expected("an array");
    }
    JsonArray array = element.getAsJsonArray();
    return IntStream.range(0, array.size())
        .mapToObj(i -> new JsonNode(path + "[" + i + "]", array.get(i)))
        .toList();
  }

  int integer() {
    if (element instanceof JsonPrimitive value
        && value.isNumber()
        && value.getAsNumber() instanceof Integer number) {
      return number;
    }
    throw expected("an integer");
  }

  String text() {
    if (element instanceof JsonPrimitive value && value.isString()) {
      return value.getAsString();
    }
    throw expected("a string");
  }

  IllegalArgumentException refuse(String why) {
    return new IllegalArgumentException(path.isEmpty() ? why : path + ": " + why);
  }

  private JsonObject object() {
    if (element instanceof JsonObject object) {
      return object;
    }
    throw expected("an object");
  }

  private IllegalArgumentException expected(String what) {
    String found =
        element.isJsonArray()
            ? "an array"
            : element.isJsonObject() ? "an object" : element.toString();
    return refuse("expected " + what + ", found " + found);
  }
}
