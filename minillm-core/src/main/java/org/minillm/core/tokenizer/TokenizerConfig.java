package org.minillm.core.tokenizer;

import com.google.common.primitives.Ints;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.MalformedFileException;

/** What stands beside an older tokenizer: its class, its settings and its special tokens. */
final class TokenizerConfig {

  private static final String FILE = "tokenizer_config.json";
  private static final String MODEL_CONFIG = "config.json";
  private static final String CLASS = "tokenizer_class";
  private static final String MODEL_TYPE = "model_type";
  private static final String REMEDY = "; copy tokenizer.json of the model into the folder";

  private final Path folder;
  private final JsonNode config;
  private final JsonNode modelConfig;

  private TokenizerConfig(Path folder, JsonNode config, JsonNode modelConfig) {
    this.folder = folder;
    this.config = config;
    this.modelConfig = modelConfig;
  }

  /**
   * Reads tokenizer_config.json and config.json, as far as they are there.
   *
   * @throws IOException if one of them is damaged
   */
  static TokenizerConfig read(Path folder) throws IOException {
    return new TokenizerConfig(folder, object(folder, FILE), object(folder, MODEL_CONFIG));
  }

  /** What is said where there is no folder, but a file with everything. */
  static TokenizerConfig of(Path file, JsonObject config) {
    return new TokenizerConfig(file, new JsonNode("", config), new JsonNode("", new JsonObject()));
  }

  private static JsonNode object(Path folder, String name) throws IOException {
    Path file = folder.resolve(name);
    return Files.exists(file)
        ? JsonNode.read(
            file,
            root -> {
              root.object();
              return root;
            })
        : new JsonNode("", new JsonObject());
  }

  /**
   * Finds out of which class the tokenizer is.
   *
   * @throws MalformedFileException if that is not said, or not known
   */
  TokenizerClass tokenizerClass() throws MalformedFileException {
    Optional<String> name = text(config, FILE, CLASS);
    String where = FILE;
    if (name.isEmpty()) {
      name = text(modelConfig, MODEL_CONFIG, CLASS);
      where = MODEL_CONFIG;
    }
    if (name.isPresent()) {
      String found = name.get();
      String file = where;
      return TokenizerClass.named(found)
          .orElseThrow(
              () ->
                  refuse(
                      file,
                      "%s \"%s\", whose older files are not read; those of these classes are: %s"
                          .formatted(CLASS, JsonNode.shortened(found), TokenizerClass.known())));
    }
    Optional<String> modelType = text(modelConfig, MODEL_CONFIG, MODEL_TYPE);
    return modelType
        .flatMap(TokenizerClass::ofModel)
        .orElseThrow(
            () ->
                refuse(
                    FILE,
                    ("no %s is said, and %s of config.json, %s, does not tell it; it does for %s."
                            + " Add the one that the model was published with")
                        .formatted(
                            CLASS,
                            MODEL_TYPE,
                            modelType
                                .map(type -> '"' + JsonNode.shortened(type) + '"')
                                .orElse("absent"),
                            TokenizerClass.knownModels())));
  }

  private MalformedFileException refuse(String file, String why) {
    return new MalformedFileException(folder.resolve(file) + ": " + why + REMEDY);
  }

  private Optional<String> text(JsonNode json, String file, String key)
      throws MalformedFileException {
    try {
      return json.find(key).filter(node -> !node.isNull()).map(JsonNode::text);
    } catch (IllegalArgumentException e) {
      throw new MalformedFileException(folder.resolve(file) + ": " + e.getMessage(), e);
    }
  }

  /**
   * Looks up a setting; one that is null is none.
   *
   * @throws MalformedFileException if it is neither true nor false
   */
  boolean flag(String key, boolean otherwise) throws MalformedFileException {
    try {
      return config.find(key).filter(node -> !node.isNull()).map(JsonNode::flag).orElse(otherwise);
    } catch (IllegalArgumentException e) {
      throw new MalformedFileException(folder.resolve(FILE) + ": " + e.getMessage(), e);
    }
  }

  /**
   * Looks up a number of tokens.
   *
   * @throws MalformedFileException if it is no integer from 0 to the limit
   */
  int count(String key, int otherwise, int limit) throws MalformedFileException {
    JsonNode value = config.find(key).orElse(null);
    if (value == null) {
      return otherwise;
    }
    Integer count = value.isNumber() ? Ints.tryParse(value.element().getAsString()) : null;
    if (count == null || count < 0 || count > limit) {
      throw new MalformedFileException(
          folder.resolve(FILE) + ": " + value.expected("0 to " + limit).getMessage());
    }
    return count;
  }

  /**
   * Reads what the folder says of special and added tokens.
   *
   * @param defaults of the tokenizer's class
   * @throws IOException if a file that says so is damaged
   */
  SpecialTokens specialTokens(SpecialTokens.Defaults defaults) throws IOException {
    return SpecialTokens.read(folder, FILE, config, defaults);
  }
}
