package org.minillm.gguf;

import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.MalformedFileException;
import org.minillm.core.files.TextFile;

/**
 * The tokens that mean something, and whether they are put around a text.
 *
 * @param ids by llama.cpp's name of what they mean: bos, eos, unknown, padding
 * @param addsStart whether each text begins with bos
 * @param addsEnd whether each text ends with eos
 * @param chatTemplate how a conversation becomes a text
 */
record SpecialTokens(
    ImmutableMap<String, Integer> ids,
    boolean addsStart,
    boolean addsEnd,
    Optional<String> chatTemplate) {

  private static final ImmutableMap<String, String> ROLES =
      ImmutableMap.of("bos", "bos", "eos", "eos", "unk", "unknown", "pad", "padding");

  /**
   * Reads what tokenizer_config.json says, and config.json where it says nothing.
   *
   * @throws MalformedFileException if a file is damaged, or no token ends a text: llama.cpp would
   *     take another one for it
   */
  static SpecialTokens read(Checkpoint checkpoint, TokenizerJson tokenizer) throws IOException {
    Path file = checkpoint.path().resolve("tokenizer_config.json");
    JsonNode config = new JsonNode("", checkpoint.config());
    String text = checkpoint.texts().get("tokenizer_config.json");
    SpecialTokens read =
        text != null
            ? of(JsonNode.parse(text), config, tokenizer)
            : Files.isRegularFile(file)
                ? JsonNode.read(file, json -> of(json, config, tokenizer))
                : of(JsonNode.parse("{}"), config, tokenizer);
    if (!read.ids.containsKey("eos")) {
      throw new MalformedFileException(
          file
              + ": no eos_token, expected the token that ends a text; without one llama.cpp takes"
              + " token 11 for it");
    }
    Path template = checkpoint.path().resolve("chat_template.jinja");
    return Files.isRegularFile(template)
        ? new SpecialTokens(
            read.ids, read.addsStart, read.addsEnd, Optional.of(TextFile.read(template)))
        : read;
  }

  private static SpecialTokens of(JsonNode json, JsonNode config, TokenizerJson tokenizer) {
    ImmutableMap.Builder<String, Integer> ids = ImmutableMap.builder();
    ROLES.forEach(
        (key, role) ->
            text(json, key + "_token")
                .flatMap(token -> Optional.ofNullable(tokenizer.id(token)))
                .or(() -> id(config, key + "_token_id", tokenizer.tokens().size()))
                .ifPresent(id -> ids.put(role, id)));
    ImmutableMap<String, Integer> found = ids.buildOrThrow();
    Around around = around(tokenizer, found);
    boolean has = found.containsKey("bos");
    return new SpecialTokens(
        found,
        around.said ? around.start : has && flag(json, "add_bos_token"),
        around.said ? around.end : flag(json, "add_eos_token"),
        json.find("chat_template").flatMap(SpecialTokens::template));
  }

  private static Optional<String> text(JsonNode json, String key) {
    return json.find(key)
        .filter(node -> !node.isNull())
        .map(node -> node.isObject() ? node.get("content").text() : node.text());
  }

  private static boolean flag(JsonNode json, String key) {
    return json.find(key).filter(node -> !node.isNull()).map(JsonNode::flag).orElse(false);
  }

  private static Optional<Integer> id(JsonNode config, String key, int tokens) {
    return config
        .find(key)
        .map(node -> node.isArray() && !node.items().isEmpty() ? node.items().get(0) : node)
        .filter(JsonNode::isNumber)
        .map(JsonNode::integer)
        .filter(id -> 0 <= id && id < tokens);
  }

  /** A template, or several by name, of which the default counts. */
  private static Optional<String> template(JsonNode node) {
    if (!node.isArray()) {
      return node.isNull() ? Optional.empty() : Optional.of(node.text());
    }
    return node.items().stream()
        .filter(item -> item.get("name").text().equals("default"))
        .map(item -> item.get("template").text())
        .findFirst();
  }

  /** What a post-processor puts around a text, if it says so. */
  private record Around(boolean said, boolean start, boolean end) {}

  private static Around around(TokenizerJson tokenizer, ImmutableMap<String, Integer> ids) {
    Optional<JsonNode> template =
        tokenizer.root().find("post_processor").flatMap(SpecialTokens::templateProcessing);
    if (template.isEmpty()) {
      return new Around(false, false, false);
    }
    boolean start = false;
    boolean end = false;
    boolean text = false;
    for (JsonNode item : template.get().get("single").items()) {
      Optional<JsonNode> token = item.find("SpecialToken");
      if (token.isEmpty()) {
        text = true;
        continue;
      }
      Integer id = tokenizer.id(token.get().get("id").text());
      if (!text && !start && id != null && id.equals(ids.get("bos"))) {
        start = true;
      } else if (text && !end && id != null && id.equals(ids.get("eos"))) {
        end = true;
      } else {
        throw item.refuse("puts a token around the text that is neither bos before nor eos behind");
      }
    }
    return new Around(true, start, end);
  }

  private static Optional<JsonNode> templateProcessing(JsonNode node) {
    if (node.isNull()) {
      return Optional.empty();
    }
    return switch (node.get("type").text()) {
      case "TemplateProcessing" -> Optional.of(node);
      case "Sequence" -> {
        List<JsonNode> items = node.get("processors").items();
        yield items.stream().flatMap(item -> templateProcessing(item).stream()).findFirst();
      }
      case "ByteLevel" -> Optional.empty();
      default -> throw node.refuse("llama.cpp does not know it, expected TemplateProcessing");
    };
  }
}
