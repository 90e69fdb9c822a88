package org.minillm.gguf;

import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.minillm.core.files.MalformedFileException;

/** The tokenizer of another GGUF file: pruning changes none. */
final class TokenizerTemplate {

  private static final String PREFIX = "tokenizer.";

  private TokenizerTemplate() {}

  /**
   * Reads the keys of a file's tokenizer.
   *
   * @param file a GGUF file of the dense model
   * @param vocabSize rows of the embedding
   * @throws MalformedFileException if it is no GGUF file, or its tokenizer has another number of
   *     tokens
   */
  static ImmutableMap<String, GgufValue> read(Path file, int vocabSize) throws IOException {
    ImmutableMap<String, GgufValue> keys =
        GgufHeaderReader.read(file).metadata().entrySet().stream()
            .filter(entry -> entry.getKey().startsWith(PREFIX))
            .collect(ImmutableMap.toImmutableMap(Map.Entry::getKey, Map.Entry::getValue));
    GgufValue tokens = keys.get("tokenizer.ggml.tokens");
    if (tokens == null || !(tokens.value() instanceof GgufValue.Items items)) {
      throw new MalformedFileException(
          file + ": no tokenizer.ggml.tokens, expected a model's file");
    }
    if (items.values().size() != vocabSize) {
      throw new MalformedFileException(
          "%s: %s tokens, expected the %s of the model; give a file of the same model"
              .formatted(file, items.values().size(), vocabSize));
    }
    return keys;
  }
}
