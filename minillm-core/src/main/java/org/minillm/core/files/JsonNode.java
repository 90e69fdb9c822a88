package org.minillm.core.files;

import static java.util.Objects.requireNonNull;

import com.google.common.base.Joiner;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Sets;
import com.google.common.primitives.ImmutableDoubleArray;
import com.google.common.primitives.Ints;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import com.google.gson.Strictness;
import com.google.gson.ToNumberPolicy;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * A piece of JSON that a person or another program may have written, and its path for messages.
 * Asks for what it expects and refuses all else with an {@link IllegalArgumentException} that says
 * where, what was found and what was expected. Number literals are kept as they are written.
 *
 * @param path of the piece, such as {@code groups[3].kept}; empty for the whole
 * @param element the piece
 */
public record JsonNode(String path, JsonElement element) {

  /** Of a value that is quoted in a message. */
  private static final int MAX_QUOTED = 60;

  /** Whatever it quotes, a message is to be read. */
  private static final int MAX_MESSAGE = 1000;

  // Refuses nulls.
  public JsonNode {
    requireNonNull(path, "path");
    requireNonNull(element, "element");
  }

  private static final String LINES_REMEDY =
      "; expected one object a line, as jq -c '.[]' makes of an array and jq -c . of objects over"
          + " several lines";

  private static final String LFS_POINTER = "version https://git-lfs.github.com/spec/";

  /**
   * Reads a file and takes from it what the caller needs.
   *
   * @param file strict JSON (RFC 8259) in UTF-8, no key twice in an object
   * @param reader asks the nodes; what it refuses becomes a message that names the file
   * @param <T> what is read
   * @return what the reader returns
   * @throws MalformedFileException if the file is not JSON or the reader refuses it
   * @throws IOException if it cannot be read
   */
  public static <T> T read(Path file, Function<JsonNode, T> reader) throws IOException {
    requireNonNull(file, "file");
    requireNonNull(reader, "reader");
    String text = TextFile.read(file);
    try {
      return reader.apply(parse(text));
    } catch (IllegalArgumentException e) {
      throw new MalformedFileException(file + ": " + e.getMessage(), e);
    }
  }

  /**
   * Reads a file of one JSON object a line, blank lines passed over.
   *
   * @param file lines of strict JSON in UTF-8
   * @param limit at most that many objects from the start
   * @param reader asks the object of a line; what it refuses becomes a message that names file and
   *     line
   * @param <T> what is read of a line
   * @return what the reader returned, in the order of the lines
   * @throws MalformedFileException if a line is no JSON object or the reader refuses it
   * @throws IOException if the file cannot be read
   */
  public static <T> ImmutableList<T> readLines(Path file, int limit, Function<JsonNode, T> reader)
      throws IOException {
    requireNonNull(file, "file");
    requireNonNull(reader, "reader");
    ImmutableList.Builder<T> read = ImmutableList.builder();
    int number = 0;
    int objects = 0;
    for (String line : TextFile.read(file).lines().toList()) {
      number++;
      if (line.isBlank() || objects == limit) {
        continue;
      }
      objects++;
      try {
        JsonNode node = parse(line);
        node.object();
        read.add(reader.apply(node));
      } catch (IllegalArgumentException e) {
        String why = String.valueOf(e.getMessage()).replace("at line 1 column", "at column");
        String form = line.strip().equals("{") || line.startsWith("[") ? LINES_REMEDY : "";
        throw new MalformedFileException("%s, line %d: %s%s".formatted(file, number, why, form), e);
      }
    }
    return read.build();
  }

  /**
   * Parses strictly (RFC 8259); unlike Gson's own parser, refuses a key that occurs twice, and half
   * of a surrogate pair, which is no text.
   *
   * @param json one value
   * @return the whole
   * @throws IllegalArgumentException if it is something else; the message says where
   */
  public static JsonNode parse(String json) {
    requireNonNull(json, "json");
    JsonReader in = new JsonReader(new StringReader(json));
    in.setStrictness(Strictness.STRICT);
    try {
      JsonElement root = read(in);
      requireNonNull(in.peek()); // throws where more text follows
      return new JsonNode("", root);
    } catch (IOException e) {
      throw new IllegalArgumentException("not valid JSON " + found(json, e), e);
    }
  }

  private static String found(String json, IOException problem) {
    if (json.startsWith(LFS_POINTER)) {
      return "but a Git LFS pointer to the file; get the file itself with 'git lfs pull'";
    }
    return json.isBlank() ? "(it is empty)" : position(problem);
  }

  /**
   * Takes from what Gson says what is for all: its advice is for programmers.
   *
   * @param problem what its reader threw
   * @return where in the text it stopped, or what it says where it does not tell
   */
  public static String position(Exception problem) {
    requireNonNull(problem, "problem");
    String message = String.valueOf(problem.getMessage()).lines().findFirst().orElse("");
    return shortened(message.substring(Math.max(message.indexOf("at line"), 0)));
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
      case NUMBER -> new JsonPrimitive(ToNumberPolicy.LAZILY_PARSED_NUMBER.readNumber(in));
      case STRING -> new JsonPrimitive(whole(in.nextString(), in));
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
      String key = whole(in.nextName(), in);
      if (object.has(key)) {
        throw new IllegalArgumentException(
            "key \"" + shortened(key) + "\" occurs twice, at " + shortened(in.getPath()));
      }
      object.add(key, read(in));
    }
    in.endObject();
    return object;
  }

  /** An escape may stand for half of a surrogate pair. */
  private static String whole(String text, JsonReader in) {
    for (int i = 0; i < text.length(); i++) {
      if (Character.isSurrogate(text.charAt(i))) {
        int character = text.codePointAt(i);
        if (Character.isBmpCodePoint(character)) {
          throw new IllegalArgumentException(
              "half of a surrogate pair (\\u%04x) in a string, at %s"
                  .formatted(character, shortened(in.getPath())));
        }
        i++;
      }
    }
    return text;
  }

  /**
   * Returns a member of an object.
   *
   * @param key its name
   * @return the member
   * @throws IllegalArgumentException if this is no object, or has no such key
   */
  public JsonNode get(String key) {
    return find(key).orElseThrow(() -> refuse("key \"" + key + "\" is missing"));
  }

  /**
   * Looks for a member of an object.
   *
   * @param key its name
   * @return the member; empty where there is none
   * @throws IllegalArgumentException if this is no object
   */
  public Optional<JsonNode> find(String key) {
    JsonElement member = object().get(key);
    return member == null
        ? Optional.empty()
        : Optional.of(
            new JsonNode(path.isEmpty() ? shortened(key) : path + "." + shortened(key), member));
  }

  /**
   * Names the members of an object.
   *
   * @return the keys in the order of the file
   * @throws IllegalArgumentException if this is no object
   */
  public Set<String> keys() {
    return object().keySet();
  }

  /**
   * Refuses an object that has a key beyond those named; {@link #get} refuses missing ones.
   *
   * @param known the keys that may be there
   * @throws IllegalArgumentException if there is another, or this is no object
   */
  public void requireNoKeysBut(String... known) {
    Set<String> unknown = Sets.difference(keys(), ImmutableSet.copyOf(known));
    if (!unknown.isEmpty()) {
      throw refuse(
          "unknown key \"%s\"; the keys are %s"
              .formatted(shortened(unknown.iterator().next()), Joiner.on(", ").join(known)));
    }
  }

  /**
   * Tells whether this is an array.
   *
   * @return true for an array
   */
  public boolean isArray() {
    return element.isJsonArray();
  }

  /**
   * Tells whether this is an object.
   *
   * @return true for an object
   */
  public boolean isObject() {
    return element.isJsonObject();
  }

  /**
   * Tells whether this is a number.
   *
   * @return true for a number, of whatever size
   */
  public boolean isNumber() {
    return element instanceof JsonPrimitive value && value.isNumber();
  }

  /**
   * Tells whether this is {@code null}.
   *
   * @return true for {@code null}
   */
  public boolean isNull() {
    return element.isJsonNull();
  }

  /**
   * Returns the items of an array.
   *
   * @return in their order
   * @throws IllegalArgumentException if this is no array
   */
  public List<JsonNode> items() {
    if (!isArray()) {
      throw expected("an array");
    }
    JsonArray array = element.getAsJsonArray();
    return IntStream.range(0, array.size())
        .mapToObj(i -> new JsonNode(path + "[" + i + "]", array.get(i)))
        .toList();
  }

  /**
   * Returns a whole number, written without fraction and exponent.
   *
   * @return from -2^31 to 2^31 - 1
   * @throws IllegalArgumentException if this is something else
   */
  public int integer() {
    Integer value = isNumber() ? Ints.tryParse(element.getAsString()) : null;
    if (value == null) {
      throw expected("an integer");
    }
    return value;
  }

  /**
   * Returns a number.
   *
   * @return finite
   * @throws IllegalArgumentException if this is something else, or too large for a double
   */
  public double number() {
    double value = isNumber() ? Double.parseDouble(element.getAsString()) : Double.NaN;
    if (!Double.isFinite(value)) {
      throw expected("a finite number");
    }
    return value;
  }

  /**
   * Returns an array of numbers.
   *
   * @param count how many
   * @return finite
   * @throws IllegalArgumentException if this is something else, or another number of them
   */
  public ImmutableDoubleArray numbers(int count) {
    if (!isArray() || element.getAsJsonArray().size() != count) {
      throw expected("an array of " + count + " numbers");
    }
    ImmutableDoubleArray.Builder numbers = ImmutableDoubleArray.builder(count);
    element.getAsJsonArray().forEach(item -> numbers.add(new JsonNode(path, item).number()));
    return numbers.build();
  }

  /**
   * Returns a text.
   *
   * @return the text
   * @throws IllegalArgumentException if this is something else
   */
  public String text() {
    if (element instanceof JsonPrimitive value && value.isString()) {
      return value.getAsString();
    }
    throw expected("a string");
  }

  /**
   * Returns a truth value.
   *
   * @return true or false
   * @throws IllegalArgumentException if this is something else
   */
  public boolean flag() {
    if (element instanceof JsonPrimitive value && value.isBoolean()) {
      return value.getAsBoolean();
    }
    throw expected("true or false");
  }

  /**
   * Returns an object as Gson has it, to be changed and written again.
   *
   * @return the object itself, no copy
   * @throws IllegalArgumentException if this is something else
   */
  public JsonObject object() {
    if (element instanceof JsonObject object) {
      return object;
    }
    throw expected("an object");
  }

  /**
   * Makes the refusal of a value that has the right form and is wrong all the same.
   *
   * @param why what was found and expected
   * @return to be thrown; the message begins with the path
   */
  public IllegalArgumentException refuse(String why) {
    return new IllegalArgumentException(
        shortened(path.isEmpty() ? why : path + ": " + why, MAX_MESSAGE));
  }

  /**
   * Makes the refusal of a value of another form.
   *
   * @param what what should be here, such as "an array of strings"
   * @return to be thrown; the message says what was found
   */
  public IllegalArgumentException expected(String what) {
    String found =
        element.isJsonArray()
            ? "an array"
            : element.isJsonObject() ? "an object" : shortened(element.toString());
    return refuse("expected " + what + ", found " + found);
  }

  /**
   * Cuts off what a file holds where a message quotes it: that is for a person, whatever the file
   * holds.
   *
   * @param text of any length
   * @param most characters that stay
   * @return the text, or its beginning and an ellipsis
   */
  public static String shortened(String text, int most) {
    requireNonNull(text, "text");
    return text.length() <= most ? text : text.substring(0, most) + "…";
  }

  /**
   * Cuts off what a file holds where a message quotes it.
   *
   * @param text of any length
   * @return the text, or its first 60 characters and an ellipsis
   */
  public static String shortened(String text) {
    return shortened(text, MAX_QUOTED);
  }
}
