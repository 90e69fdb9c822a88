package org.minillm.core.tokenizer;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.Ints;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.MalformedFileException;

/**
 * The special and added tokens of a folder: those with an id, of {@code added_tokens_decoder} in
 * tokenizer_config.json or else of added_tokens.json, and those with a role, of
 * tokenizer_config.json and, only where there is no {@code added_tokens_decoder}, of
 * special_tokens_map.json. What is said in none of them is the default of the class.
 */
final class SpecialTokens {

  static final String BEGIN = "bos_token";
  static final String END = "eos_token";
  static final String UNKNOWN = "unk_token";
  static final String PADDING = "pad_token";

  private static final String ADDITIONAL = "additional_special_tokens";
  private static final String DECODER = "added_tokens_decoder";
  private static final String MAP_FILE = "special_tokens_map.json";
  private static final String ADDED_FILE = "added_tokens.json";

  /** In the order in which those that the vocabulary lacks get their ids. */
  private static final ImmutableList<String> ROLES =
      ImmutableList.of(BEGIN, END, UNKNOWN, "sep_token", PADDING, "cls_token", "mask_token");

  /** What the class itself takes as a token: the others are texts, and never change a token. */
  private static final ImmutableList<String> ROLES_OF_THE_CLASS =
      ImmutableList.of(BEGIN, END, UNKNOWN, PADDING);

  /**
   * What a class assumes.
   *
   * @param tokens by role, where nothing is said
   * @param normalized whether a token of which only the text is said is looked for in the
   *     normalised text
   */
  record Defaults(ImmutableMap<String, String> tokens, boolean normalized) {}

  /**
   * What is said of a token.
   *
   * @param token null where nothing but the text is said
   * @param inConfig true for an object of tokenizer_config.json, whose text transformers does not
   *     see when it asks whether a token of added_tokens.json is special
   */
  private record Said(String content, @Nullable AddedToken token, boolean inConfig) {
    private Said with(@Nullable AddedToken other) {
      return new Said(content, other, inConfig);
    }
  }

  private final Path numberedFile;
  private final TreeMap<Integer, AddedToken> numbered = new TreeMap<>();

  /** A role that is said to be nobody's is there without a token. */
  private final Map<String, Optional<Said>> roles = new LinkedHashMap<>();

  private final List<Said> additional = new ArrayList<>();
  private final boolean hasDecoder;

  private SpecialTokens(Path folder, String configFile, boolean hasDecoder) {
    this.hasDecoder = hasDecoder;
    this.numberedFile = folder.resolve(hasDecoder ? configFile : ADDED_FILE);
  }

  /**
   * Reads them.
   *
   * @param config the whole of tokenizer_config.json
   * @throws IOException if one of the files is damaged
   */
  static SpecialTokens read(Path folder, String configFile, JsonNode config, Defaults defaults)
      throws IOException {
    SpecialTokens tokens = new SpecialTokens(folder, configFile, config.find(DECODER).isPresent());
    try {
      tokens.readRoles(config, false);
      config.find(DECODER).ifPresent(tokens::readDecoder);
    } catch (IllegalArgumentException e) {
      throw new MalformedFileException(folder.resolve(configFile) + ": " + e.getMessage(), e);
    }
    if (!tokens.hasDecoder) {
      tokens.readOlderFiles(folder);
    }
    tokens.assume(defaults);
    return tokens;
  }

  private void readOlderFiles(Path folder) throws IOException {
    if (Files.exists(folder.resolve(MAP_FILE))) {
      JsonNode.read(
          folder.resolve(MAP_FILE),
          root -> {
            readRoles(root, true);
            return root;
          });
    }
    if (Files.exists(folder.resolve(ADDED_FILE))) {
      JsonNode.read(
          folder.resolve(ADDED_FILE),
          root -> {
            Set<String> special = new HashSet<>();
            inOrder().stream()
                .filter(said -> !said.inConfig())
                .forEach(said -> special.add(said.content()));
            for (String content : root.keys()) {
              int id = id(root.get(content), root.get(content).integer());
              number(root, id, AddedToken.of(content, special.contains(content)));
            }
            return root;
          });
    }
  }

  private void readRoles(JsonNode root, boolean special) {
    for (String role : ROLES) {
      root.find(role)
          .ifPresent(
              node ->
                  roles.put(
                      role, node.isNull() ? Optional.empty() : Optional.of(said(node, special))));
    }
    JsonNode more = root.find(ADDITIONAL).filter(node -> !node.isNull()).orElse(null);
    for (JsonNode node : more == null ? ImmutableList.<JsonNode>of() : more.items()) {
      Said said = said(node, special);
      if (!additional.contains(said)) {
        additional.add(said);
      }
    }
  }

  private static Said said(JsonNode node, boolean special) {
    if (!node.isObject()) {
      return new Said(node.text(), null, false);
    }
    AddedToken token = AddedToken.read(node, special);
    return new Said(token.content(), token, !special);
  }

  private void readDecoder(JsonNode decoder) {
    for (String key : decoder.keys()) {
      JsonNode node = decoder.get(key);
      number(node, id(node, Ints.tryParse(key)), AddedToken.read(node, false));
    }
  }

  private static int id(JsonNode node, @Nullable Integer id) {
    if (id == null || id < 0) {
      throw node.refuse("expected a token id, from 0 on");
    }
    return id;
  }

  private void number(JsonNode node, int id, AddedToken token) {
    if (numbered.put(id, token) != null) {
      throw node.refuse("two tokens have the id " + id);
    }
  }

  /** Those of the class, and what it makes of texts; a token of the decoder is that one. */
  private void assume(Defaults defaults) {
    Map<String, AddedToken> known = new LinkedHashMap<>();
    if (hasDecoder) {
      numbered.values().forEach(token -> known.put(token.content(), token));
    }
    roles.replaceAll(
        (role, said) ->
            said.map(each -> each.with(known.getOrDefault(each.content(), each.token()))));
    defaults
        .tokens()
        .forEach((role, text) -> roles.putIfAbsent(role, Optional.of(new Said(text, null, false))));
    roles.replaceAll(
        (role, said) ->
            said.map(
                each ->
                    each.token() == null && ROLES_OF_THE_CLASS.contains(role)
                        ? each.with(ofTheClass(each.content(), defaults))
                        : each));
  }

  private static AddedToken ofTheClass(String content, Defaults defaults) {
    return new AddedToken(content, false, false, false, defaults.normalized(), true);
  }

  private Set<String> contents() {
    Set<String> contents = new HashSet<>();
    inOrder().forEach(said -> contents.add(said.content()));
    return contents;
  }

  private List<Said> inOrder() {
    List<Said> order = new ArrayList<>();
    ROLES.forEach(role -> roles.getOrDefault(role, Optional.empty()).ifPresent(order::add));
    order.addAll(additional);
    return order;
  }

  /**
   * Names the token of a role.
   *
   * @return its text; empty where the role is nobody's
   */
  Optional<String> role(String role) {
    return roles.getOrDefault(role, Optional.empty()).map(Said::content);
  }

  /** Lists the texts of the special tokens without a role. */
  List<String> additional() {
    return additional.stream().map(Said::content).toList();
  }

  /** Adds special tokens without a role that the class brings. */
  void addAdditional(List<String> contents) {
    contents.forEach(content -> additional.add(new Said(content, null, false)));
  }

  /**
   * Adds the tokens to those of the vocabulary, as transformers does.
   *
   * @throws MalformedFileException if an id that a file says is not the one that the token gets
   */
  void addTo(AddedTokens added) throws MalformedFileException {
    Set<String> special = contents();
    List<AddedToken> tokens = new ArrayList<>();
    Set<String> texts = new HashSet<>();
    for (AddedToken token : numbered.values()) {
      tokens.add(special.contains(token.content()) ? token.asSpecial() : token);
      texts.add(token.content());
    }
    Set<String> seen = new HashSet<>();
    for (Said said : inOrder()) {
      if (seen.add(said.content())) {
        AddedToken token = said.token();
        if (token != null) {
          tokens.add(token.asSpecial());
        } else if (!added.contains(said.content()) && !texts.contains(said.content())) {
          tokens.add(AddedToken.of(said.content(), true));
        }
      }
    }
    added.addAll(tokens);
    requireNumbers(added);
  }

  private void requireNumbers(AddedTokens added) throws MalformedFileException {
    for (Map.Entry<Integer, AddedToken> entry : numbered.entrySet()) {
      String content = entry.getValue().content();
      OptionalInt id = added.id(content);
      if (id.isPresent() && id.getAsInt() != entry.getKey()) {
        throw new MalformedFileException(
            ("%s: the token \"%s\" has the id %d there, but would get the id %d, in the vocabulary or"
                    + " behind it; the files do not belong together: copy all of them of the model"
                    + " again, or tokenizer.json")
                .formatted(
                    numberedFile, JsonNode.shortened(content), entry.getKey(), id.getAsInt()));
      }
    }
  }
}
