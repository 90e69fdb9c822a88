package org.minillm.gguf;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** A tokenizer.json as transformers makes it of SentencePiece's, with few pieces and all bytes. */
final class Pieces {

  private static final List<String> BASE = List.of("▁", "t", "h", "e", "r", "n", "o", "m");
  private static final List<String> JOINED =
      List.of("▁t", "he", "▁▁", "re", "▁the", "er", "th", "ther", "en", "▁o");

  private Pieces() {}

  static String tokenizer() {
    Map<String, Integer> vocabulary = new LinkedHashMap<>();
    for (String token : List.of("<unk>", "<s>", "</s>")) {
      vocabulary.put(token, vocabulary.size());
    }
    for (int value = 0; value < 230; value++) {
      vocabulary.put("<0x%02X>".formatted(value), vocabulary.size());
    }
    BASE.forEach(piece -> vocabulary.put(piece, vocabulary.size()));
    JOINED.forEach(piece -> vocabulary.put(piece, vocabulary.size()));
    List<String> merges = new ArrayList<>();
    for (String piece : JOINED) {
      for (int at = 1; at < piece.length(); at++) {
        if (vocabulary.containsKey(piece.substring(0, at))
            && vocabulary.containsKey(piece.substring(at))) {
          merges.add("\"" + piece.substring(0, at) + " " + piece.substring(at) + "\"");
        }
      }
    }
    return """
    {"version": "1.0",
     "added_tokens": [
       {"id": 0, "content": "<unk>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
       {"id": 1, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
       {"id": 2, "content": "</s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
     "normalizer": {"type": "Sequence", "normalizers": [
       {"type": "Prepend", "prepend": "▁"},
       {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
     "pre_tokenizer": null,
     "post_processor": null,
     "decoder": {"type": "Sequence", "decoders": [
       {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
       {"type": "ByteFallback"}, {"type": "Fuse"},
       {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
     "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
       "vocab": {%s}, "merges": [%s]}}
    """
        .formatted(
            vocabulary.entrySet().stream()
                .map(entry -> "\"" + entry.getKey() + "\": " + entry.getValue())
                .collect(Collectors.joining(", ")),
            String.join(", ", merges));
  }
}
