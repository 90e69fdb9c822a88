package org.minillm.gguf;

import com.google.gson.JsonPrimitive;
import java.util.ArrayList;
import java.util.List;
import org.minillm.core.files.JsonNode;

/**
 * How a tokenizer.json that was made of SentencePiece's writes spaces: as the lower block {@code
 * ▁}, one of which may stand before the text. It says so as a normalizer, in older files, or as a
 * pre-tokenizer.
 */
final class SpacePrefix {

  private static final JsonPrimitive MARK = new JsonPrimitive("▁");

  private SpacePrefix() {}

  /**
   * Tells whether a space is put before the text.
   *
   * @param root the whole tokenizer.json
   * @throws IllegalArgumentException if spaces are written otherwise, or more is done to the text
   */
  static boolean of(JsonNode root) {
    List<JsonNode> steps = new ArrayList<>();
    root.find("normalizer").ifPresent(node -> add(node, "normalizers", steps));
    root.find("pre_tokenizer").ifPresent(node -> add(node, "pretokenizers", steps));
    boolean prefix = false;
    boolean marked = false;
    for (JsonNode step : steps) {
      switch (step.get("type").text()) {
        case "Prepend" -> {
          requireMark(step.get("prepend"));
          prefix = true;
        }
        case "Replace" -> {
          requireMark(step.get("content"));
          if (!step.get("pattern").find("String").map(JsonNode::text).orElse("").equals(" ")) {
            throw step.refuse("replaces something else than a space");
          }
          marked = true;
        }
        case "Metaspace" -> {
          requireMark(step.get("replacement"));
          if (step.find("split").map(JsonNode::flag).orElse(true)) {
            throw step.refuse(
                "splits at spaces, which llama.cpp does not, expected \"split\": false");
          }
          prefix |=
              !step.find("prepend_scheme").map(JsonNode::text).orElse("always").equals("never");
          marked = true;
        }
        default ->
            throw step.refuse(
                "llama.cpp does not know it for pieces; give a GGUF file of the dense model as the"
                    + " setting \"template\"");
      }
    }
    if (!marked) {
      throw root.refuse("spaces are not written as ▁, which pieces have");
    }
    return prefix;
  }

  private static void requireMark(JsonNode text) {
    if (!text.element().equals(MARK)) {
      throw text.expected("▁");
    }
  }

  private static void add(JsonNode node, String items, List<JsonNode> steps) {
    if (node.isNull()) {
      return;
    }
    if (node.get("type").text().equals("Sequence")) {
      node.get(items).items().forEach(item -> add(item, items, steps));
    } else {
      steps.add(node);
    }
  }
}
