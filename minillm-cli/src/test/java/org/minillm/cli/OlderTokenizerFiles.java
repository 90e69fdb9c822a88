package org.minillm.cli;

import com.google.protobuf.CodedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Good tokenizers without tokenizer.json, of a few hundred bytes each. */
final class OlderTokenizerFiles {

  /** A character map that maps nothing: its trie has a place for each byte, and no label. */
  private static final byte[] CHARACTER_MAP =
      ByteBuffer.allocate(4 + 1024 + 1).order(ByteOrder.LITTLE_ENDIAN).putInt(1024).array();

  private static final String CONFIG =
      """
      {"tokenizer_class": "%s", "add_prefix_space": %s, "legacy": false, "extra_ids": 1,
       "added_tokens_decoder": {"0": {"content": "<unk>", "lstrip": false, "normalized": false,
        "rstrip": false, "single_word": false, "special": true}},
       "additional_special_tokens": ["<sep>"], "bos_token": "<s>", "eos_token": "<s>",
       "pad_token": {"__type": "AddedToken", "content": "<pad>", "lstrip": true,
        "normalized": true, "rstrip": false, "single_word": false}, "unk_token": "<unk>"}
      """;

  private OlderTokenizerFiles() {}

  /** Writes a byte-level BPE, as OPT and Qwen2 have it; returns its files. */
  static List<Path> byteLevel(Path folder, String tokenizerClass) throws IOException {
    return List.of(
        Files.writeString(
            folder.resolve("vocab.json"),
            """
            {"<unk>": 0, "a": 1, "b": 2, "ab": 3, "Ġ": 4, "Ġab": 5, "c": 6}
            """),
        Files.writeString(folder.resolve("merges.txt"), "#version: 0.2\na b\nĠ ab\n"),
        config(folder, tokenizerClass));
  }

  /** Writes a byte-level BPE with what older versions wrote beside it; returns those files. */
  static List<Path> olderByteLevel(Path folder) throws IOException {
    byteLevel(folder, "GPT2Tokenizer");
    Files.delete(folder.resolve("tokenizer_config.json"));
    return List.of(
        Files.writeString(
            folder.resolve("special_tokens_map.json"),
            """
            {"bos_token": {"content": "<s>", "lstrip": false, "normalized": true, "rstrip": false,
              "single_word": false}, "unk_token": "<unk>", "additional_special_tokens": ["<x>"]}
            """),
        Files.writeString(folder.resolve("added_tokens.json"), "{\"<s>\": 7, \"<x>\": 8}"));
  }

  /** Writes a model of SentencePiece for LLaMA or T5; returns its files. */
  static List<Path> pieces(Path folder, String tokenizerClass) throws IOException {
    boolean isLlama = tokenizerClass.equals("LlamaTokenizer");
    List<byte[]> pieces = new ArrayList<>();
    String[] texts = {"<unk>", "<s>", "[x]", "<0x62>", "▁", "a", "b", "ab", "▁ab", "abab", "c"};
    int[] kinds = {2, 3, 4, 6, 1, 1, 1, 1, 1, 1, 5};
    for (int i = 0; i < texts.length; i++) {
      String text = texts[i];
      int kind = kinds[i];
      float score = -i;
      pieces.add(
          message(
              out -> {
                out.writeString(1, text);
                out.writeFloat(2, score);
                out.writeEnum(3, kind);
              }));
    }
    byte[] trainer =
        message(
            out -> {
              out.writeString(2, "a prefix");
              out.writeEnum(3, isLlama ? 2 : 1);
              out.writeBool(35, true);
              out.writeInt32(40, 0);
              out.writeString(45, "<unk>");
            });
    byte[] normalizer =
        message(
            out -> {
              out.writeString(1, "nmt_nfkc");
              out.writeByteArray(2, isLlama ? new byte[0] : CHARACTER_MAP);
              out.writeBool(3, true);
              out.writeBool(4, false);
            });
    byte[] model =
        message(
            out -> {
              for (byte[] piece : pieces) {
                out.writeByteArray(1, piece);
              }
              out.writeByteArray(2, trainer);
              out.writeByteArray(3, normalizer);
            });
    return List.of(
        Files.write(folder.resolve(isLlama ? "tokenizer.model" : "spiece.model"), model),
        config(folder, tokenizerClass));
  }

  private static Path config(Path folder, String tokenizerClass) throws IOException {
    return Files.writeString(
        folder.resolve("tokenizer_config.json"),
        CONFIG.formatted(tokenizerClass, !tokenizerClass.equals("GPT2Tokenizer")));
  }

  /** Writes the fields of a message. */
  private interface Fields {
    void write(CodedOutputStream out) throws IOException;
  }

  private static byte[] message(Fields fields) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    CodedOutputStream out = CodedOutputStream.newInstance(bytes);
    fields.write(out);
    out.flush();
    return bytes.toByteArray();
  }
}
