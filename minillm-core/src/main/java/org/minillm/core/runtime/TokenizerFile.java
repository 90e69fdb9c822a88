package org.minillm.core.runtime;

import static java.util.stream.Collectors.joining;

import com.google.common.base.CharMatcher;
import com.google.common.collect.Iterables;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.IntStream;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.MalformedFileException;
import org.minillm.core.tokenizer.TokenizerText;

/**
 * The part of tokenizer.json that turns a text into tokens and back, checked before the tokenizers
 * library gets it. The library refuses most wrong files with an exception, but where it panics
 * instead it ends the process, since no panic unwinds into Java. What it panics at is refused here:
 *
 * <ul>
 *   <li>a decoder that is no JSON in its eyes: wrong syntax, a number beyond a double, deep
 *       nesting;
 *   <li>the normalizer {@code Precompiled} with a character map that leads out of its tables;
 *   <li>a merge whose second part is shorter than the prefix of continuing subwords;
 *   <li>the normalizer {@code Replace} with a pattern that is found between characters;
 *   <li>the pre-tokenizer {@code FixedLength} with pieces of no character;
 *   <li>the decoder {@code Strip} at the end of a token that has fewer characters;
 *   <li>an added token of spaces that takes the spaces before it, which another one took already.
 * </ul>
 */
final class TokenizerFile {

  /** Truncation, padding and post-processing do nothing to a text without special tokens. */
  private static final List<String> USED =
      List.of("version", "added_tokens", "normalizer", "pre_tokenizer", "decoder", "model");

  /** The library's parser gives up at 128, and a decoder is parsed inside of others. */
  private static final int MAX_DEPTH = 32;

  private static final List<JsonNode> NONE = List.of();

  private static final JsonPrimitive PRECOMPILED = new JsonPrimitive("Precompiled");

  /** Letters, digits, punctuation and spaces of several scripts, each with several neighbours. */
  private static final String SAMPLE = sample();

  private TokenizerFile() {}

  private static String sample() {
    String ascii = IntStream.range(0, 128).mapToObj(Character::toString).collect(joining());
    return ascii + "\u00a0éß×«ŁЖяא\u3000日本한—…▁☃😀" + new StringBuilder(ascii).reverse();
  }

  /**
   * Checks the text of a file.
   *
   * @return what the library is to get
   * @throws MalformedFileException if it is no tokenizer; the message says what is wrong
   */
  static String used(TokenizerText tokenizer) throws MalformedFileException {
    try {
      return used(tokenizer.json(), JsonNode.parse(tokenizer.json()));
    } catch (IllegalArgumentException e) {
      throw new MalformedFileException(tokenizer.file() + ": " + e.getMessage(), e);
    }
  }

  private static String used(String text, JsonNode root) {
    root.get("model").object();
    Map<String, String> written = JsonMembers.of(text);
    List<String> used = new ArrayList<>();
    for (String key : USED) {
      root.find(key)
          .ifPresent(
              section -> {
                requirePlain(section, 0);
                // a vocabulary is large, and is handed on as it is written
                String value = written.get(key);
                used.add('"' + key + "\":" + (value == null ? section.element() : value));
              });
    }
    root.find("added_tokens").ifPresent(TokenizerFile::requireSeparate);
    root.find("normalizer").ifPresent(section -> visit(section, TokenizerFile::requireNormalizer));
    root.find("pre_tokenizer").ifPresent(section -> visit(section, TokenizerFile::requireLength));
    root.find("decoder").ifPresent(section -> visit(section, TokenizerFile::requireStripAtStart));
    requirePrefixes(root.get("model"));
    return used.stream().collect(joining(",", "{", "}"));
  }

  /** No depth, and numbers that a double holds. A vocabulary is large: no path for each token. */
  private static void requirePlain(JsonNode node, int depth) {
    if (isPlain(node.element(), depth)) {
      return;
    }
    if (depth > MAX_DEPTH) {
      throw node.refuse("nested more than " + MAX_DEPTH + " levels deep");
    }
    if (node.isArray()) {
      node.items().forEach(item -> requirePlain(item, depth + 1));
    } else if (node.isObject()) {
      node.keys().forEach(key -> requirePlain(node.get(key), depth + 1));
    } else {
      node.number();
    }
  }

  private static boolean isPlain(JsonElement element, int depth) {
    if (element instanceof JsonArray array) {
      return depth <= MAX_DEPTH && Iterables.all(array, item -> isPlain(item, depth + 1));
    }
    if (element instanceof JsonObject object) {
      return depth <= MAX_DEPTH
          && Iterables.all(object.asMap().values(), value -> isPlain(value, depth + 1));
    }
    return !(element instanceof JsonPrimitive value)
        || !value.isNumber()
        || Double.isFinite(value.getAsDouble());
  }

  private static void requireSeparate(JsonNode tokens) {
    for (JsonNode token : tokens.isArray() ? tokens.items() : NONE) {
      if (token.isObject()
          && isTrue(token, "lstrip")
          && CharMatcher.whitespace().matchesAllOf(token.get("content").text())) {
        throw token.refuse("\"lstrip\" of a token that is nothing but spaces, expected false");
      }
    }
  }

  private static boolean isTrue(JsonNode node, String key) {
    return node.find(key).map(JsonNode::flag).orElse(false);
  }

  private static void visit(JsonNode node, Consumer<JsonNode> visitor) {
    if (node.isArray()) {
      node.items().forEach(item -> visit(item, visitor));
    } else if (node.isObject()) {
      visitor.accept(node);
      node.keys().forEach(key -> visit(node.get(key), visitor));
    }
  }

  private static void requireNormalizer(JsonNode normalizer) {
    normalizer
        .find("prepend")
        .filter(text -> text.element().equals(new JsonPrimitive("")))
        .ifPresent(
            text -> {
              throw text.expected("one character at least");
            });
    normalizer
        .find("pattern")
        .filter(TokenizerFile::matchesNothing)
        .ifPresent(
            pattern -> {
              throw pattern.refuse("replaces empty text, expected one character at least");
            });
    boolean precompiled =
        normalizer.find("type").filter(type -> type.element().equals(PRECOMPILED)).isPresent();
    if (precompiled || normalizer.find(PrecompiledCharsmap.KEY).isPresent()) {
      PrecompiledCharsmap.require(normalizer.get(PrecompiledCharsmap.KEY));
    }
  }

  /** Tells whether a pattern finds places rather than characters, among those of the sample. */
  private static boolean matchesNothing(JsonNode pattern) {
    if (!pattern.isObject()) {
      return false;
    }
    for (JsonElement text : pattern.object().asMap().values()) {
      if (text.isJsonPrimitive() && text.getAsString().isEmpty()) {
        return true;
      }
    }
    return pattern.find("Regex").map(regex -> matchesNothing(regex.text())).orElse(false);
  }

  private static boolean matchesNothing(String regex) {
    try {
      return Pattern.compile(regex, Pattern.MULTILINE)
          .matcher(SAMPLE)
          .results()
          .anyMatch(match -> match.start() == match.end());
    } catch (PatternSyntaxException e) {
      return false; // for the library to judge, whose syntax is not Java's
    }
  }

  private static void requireLength(JsonNode preTokenizer) {
    preTokenizer
        .find("length")
        .filter(length -> length.isNumber() && length.number() == 0)
        .ifPresent(
            length -> {
              throw length.expected("at least 1 character");
            });
  }

  private static void requireStripAtStart(JsonNode decoder) {
    decoder
        .find("stop")
        .filter(stop -> stop.isNumber() && stop.number() != 0)
        .ifPresent(
            stop -> {
              throw stop.expected("0: characters can be taken from the start of a token only");
            });
  }

  private static void requirePrefixes(JsonNode model) {
    JsonNode prefix = model.find("continuing_subword_prefix").orElse(null);
    if (prefix == null
        || prefix.isNull()
        || prefix.text().isEmpty()
        || model.find("merges").isEmpty()) {
      return;
    }
    for (JsonNode merge : model.get("merges").items()) {
      if (!second(merge).startsWith(prefix.text())) {
        throw merge.refuse(
            "the second part does not begin with \"%s\" (continuing_subword_prefix)"
                .formatted(JsonNode.shortened(prefix.text())));
      }
    }
  }

  /** Two parts in an array, or with a space between them. */
  private static String second(JsonNode merge) {
    if (!merge.isArray()) {
      return merge.text().substring(merge.text().indexOf(' ') + 1);
    }
    List<JsonNode> parts = merge.items();
    if (parts.size() != 2) {
      throw merge.expected("two parts");
    }
    return parts.get(1).text();
  }
}
