package org.minillm.core.tokenizer;

import com.google.common.collect.ImmutableMap;
import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;

/**
 * Makes a tokenizer.json of a byte-level BPE: GPT-2's, which cuts texts into words by a rule of the
 * library, or Qwen2's, with a rule of its own and composed characters.
 */
final class ByteLevelConversion {

  private static final String END_OF_TEXT = "<|endoftext|>";

  private static final SpecialTokens.Defaults GPT2 =
      new SpecialTokens.Defaults(
          ImmutableMap.of(
              SpecialTokens.BEGIN, END_OF_TEXT,
              SpecialTokens.END, END_OF_TEXT,
              SpecialTokens.UNKNOWN, END_OF_TEXT),
          true);

  private static final SpecialTokens.Defaults QWEN2 =
      new SpecialTokens.Defaults(
          ImmutableMap.of(
              SpecialTokens.END, END_OF_TEXT,
              SpecialTokens.UNKNOWN, END_OF_TEXT,
              SpecialTokens.PADDING, END_OF_TEXT),
          false);

  private static final String BYTE_LEVEL =
      """
      {"type":"ByteLevel","add_prefix_space":%s,"trim_offsets":%s,"use_regex":%s}""";

  private static final String QWEN2_PRE_TOKENIZER =
      """
      {"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"(?i:'s|'t|'re|'ve|'m|\
      'll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\
      \\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"},"behavior":"Isolated","invert":false},%s]}""";

  private final TokenizerClass tokenizerClass;
  private final ByteLevelFiles files;
  private final TokenizerConfig config;

  ByteLevelConversion(TokenizerClass tokenizerClass, ByteLevelFiles files, TokenizerConfig config) {
    this.tokenizerClass = tokenizerClass;
    this.files = files;
    this.config = config;
  }

  String json() throws IOException {
    boolean isQwen2 = tokenizerClass == TokenizerClass.QWEN2;
    SpecialTokens special = config.specialTokens(isQwen2 ? QWEN2 : GPT2);
    AddedTokens added = new AddedTokens(files.vocabulary());
    special.addTo(added);
    return new TokenizerJson(
            added,
            isQwen2 ? "{\"type\":\"NFC\"}" : TokenizerJson.NONE,
            preTokenizer(isQwen2),
            postProcessor(isQwen2, special, added),
            BYTE_LEVEL.formatted(true, true, true))
        .with(this::writeModel);
  }

  private String preTokenizer(boolean isQwen2) throws IOException {
    // Qwen2's has no prefix, whatever is said
    return isQwen2
        ? QWEN2_PRE_TOKENIZER.formatted(BYTE_LEVEL.formatted(false, true, false))
        : BYTE_LEVEL.formatted(config.flag("add_prefix_space", false), true, true);
  }

  private String postProcessor(boolean isQwen2, SpecialTokens special, AddedTokens added)
      throws IOException {
    Optional<String> begin = special.role(SpecialTokens.BEGIN);
    return !isQwen2 && begin.isPresent() && config.flag("add_bos_token", false)
        ? new TokenizerJson.Template(begin, Optional.empty(), 1, false).json(added)
        : BYTE_LEVEL.formatted(true, false, true);
  }

  private void writeModel(JsonWriter out) throws IOException {
    out.name("type").value("BPE");
    out.name("dropout").nullValue();
    out.name("unk_token").nullValue();
    out.name("continuing_subword_prefix").value("");
    out.name("end_of_word_suffix").value("");
    out.name("fuse_unk").value(false);
    out.name("byte_fallback").value(false);
    out.name("ignore_merges").value(false);
    out.name("vocab").beginObject();
    for (Map.Entry<String, Integer> token : files.vocabulary().entrySet()) {
      out.name(token.getKey()).value(token.getValue());
    }
    out.endObject();
    out.name("merges").beginArray();
    for (ByteLevelFiles.Merge merge : files.merges()) {
      out.beginArray().value(merge.left()).value(merge.right()).endArray();
    }
    out.endArray();
  }
}
