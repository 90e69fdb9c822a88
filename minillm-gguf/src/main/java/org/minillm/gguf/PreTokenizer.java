package org.minillm.gguf;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.gson.JsonPrimitive;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.minillm.core.files.JsonNode;

/**
 * How a text is split before byte pairs are joined. llama.cpp knows such rules by names; which name
 * a tokenizer.json means is told by the rules that stand in it, never by the model's name. What is
 * not known is refused: a wrong rule would give other tokens, silently.
 */
final class PreTokenizer {

  private static final String BYTES = "bytes";
  private static final String GPT2 = "gpt2";
  private static final String DIGITS = "digits";

  private static final String CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
  private static final String TAIL =
      "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  private static final String LLAMA3 =
      CONTRACTIONS + "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}" + TAIL;
  private static final String QWEN2 = CONTRACTIONS + "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}" + TAIL;
  private static final String GPT2_PATTERN =
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
  static final String BYTE_LEVEL_DECODER =
      "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true}";

  private static final String TEKKEN =
      "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
          + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"
          + "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  private static final String BLOOM = " ?[^(\\s|[.,!?…。，、।۔،])]+";
  private static final String BLOOM_PLAIN = " ?[^(\\s|.,!?…。，、।۔،)]+";

  /** The rules and their names, where merges are not ignored for tokens that are whole. */
  private static final ImmutableMap<ImmutableList<String>, String> MERGING =
      ImmutableMap.<ImmutableList<String>, String>builder()
          .put(ImmutableList.of(GPT2), "gpt-2")
          .put(ImmutableList.of(GPT2_PATTERN, BYTES), "gpt-2")
          .put(ImmutableList.of(DIGITS, GPT2), "smollm")
          .put(ImmutableList.of(LLAMA3, BYTES), "dbrx")
          .put(ImmutableList.of(QWEN2, BYTES), "qwen2")
          .put(ImmutableList.of(BLOOM, BYTES), "bloom")
          .put(ImmutableList.of(BLOOM_PLAIN, BYTES), "bloom")
          .buildOrThrow();

  /** Those of tokenizers whose whole tokens need no merges. */
  private static final ImmutableMap<ImmutableList<String>, String> WHOLE =
      ImmutableMap.of(
          ImmutableList.of(LLAMA3, BYTES), "llama-bpe", ImmutableList.of(TEKKEN, BYTES), "tekken");

  /** Names that llama.cpp treats alike. */
  private static final ImmutableMap<String, String> SAME =
      ImmutableMap.of(
          "llama3", "llama-bpe", "llama-v3", "llama-bpe", "mistral-bpe", "tekken", "gpt2", "gpt-2");

  private PreTokenizer() {}

  /**
   * Names the rules.
   *
   * @param tokenizer of byte pairs over bytes
   * @return what llama.cpp calls them, {@code tokenizer.ggml.pre}
   * @throws IllegalArgumentException if it has no name for them; the message says what was found
   */
  static String name(TokenizerJson tokenizer) {
    JsonNode node = tokenizer.root().get("pre_tokenizer");
    List<String> rules = new ArrayList<>();
    add(node, rules);
    String name =
        (tokenizer.modelFlag("ignore_merges") ? WHOLE : MERGING).get(ImmutableList.copyOf(rules));
    if (name == null) {
      throw node.refuse(
          "llama.cpp has no name for these rules (%s%s); give a GGUF file of the dense model as the"
                  .formatted(
                      JsonNode.shortened(String.join(", ", rules), 200),
                      tokenizer.modelFlag("ignore_merges") ? ", ignore_merges" : "")
              + " setting \"template\"");
    }
    return name;
  }

  /**
   * Writes the rules that a name stands for.
   *
   * @param name {@code tokenizer.ggml.pre} of a file
   * @return the JSON of a pre-tokenizer; empty where the name is not known
   */
  static Optional<String> json(String name) {
    return Stream.of(MERGING, WHOLE)
        .flatMap(names -> names.entrySet().stream())
        .filter(known -> known.getValue().equals(SAME.getOrDefault(name, name)))
        .findFirst()
        .map(known -> json(known.getKey()));
  }

  /** Tells whether tokens that are whole need no merges. */
  static boolean ignoresMerges(String name) {
    return WHOLE.containsValue(SAME.getOrDefault(name, name));
  }

  private static String json(List<String> rules) {
    return rules.stream()
        .map(
            rule ->
                switch (rule) {
                  case BYTES -> byteLevel(false);
                  case GPT2 -> byteLevel(true);
                  case DIGITS -> "{\"type\":\"Digits\",\"individual_digits\":true}";
                  default ->
                      "{\"type\":\"Split\",\"pattern\":{\"Regex\":%s},\"behavior\":\"Isolated\",\"invert\":false}"
                          .formatted(new JsonPrimitive(rule));
                })
        .collect(Collectors.joining(",", "{\"type\":\"Sequence\",\"pretokenizers\":[", "]}"));
  }

  private static String byteLevel(boolean splits) {
    return "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":%s}"
        .formatted(splits);
  }

  private static void add(JsonNode node, List<String> rules) {
    String type = node.isNull() ? "none" : node.get("type").text();
    switch (type) {
      case "Sequence" -> node.get("pretokenizers").items().forEach(item -> add(item, rules));
      case "ByteLevel" -> {
        if (flag(node, "add_prefix_space", true)) {
          throw node.refuse(
              "llama.cpp puts no space before the text (add_prefix_space), expected false");
        }
        rules.add(flag(node, "use_regex", true) ? GPT2 : BYTES);
      }
      case "Digits" -> rules.add(flag(node, "individual_digits", false) ? DIGITS : "Digits");
      case "Split" -> rules.add(split(node));
      default -> rules.add(JsonNode.shortened(type));
    }
  }

  private static String split(JsonNode node) {
    String pattern = node.get("pattern").find("Regex").map(JsonNode::text).orElse("a string");
    String behavior = node.get("behavior").text();
    boolean invert = flag(node, "invert", false);
    // every character is in a match, so that to keep the matches is to remove what is between
    return behavior.equals("Isolated") && !invert || behavior.equals("Removed") && invert
        ? pattern
        : "Split " + behavior;
  }

  private static boolean flag(JsonNode node, String key, boolean otherwise) {
    return node.find(key).filter(value -> !value.isNull()).map(JsonNode::flag).orElse(otherwise);
  }
}
