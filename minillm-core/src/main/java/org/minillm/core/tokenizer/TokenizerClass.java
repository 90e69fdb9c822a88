package org.minillm.core.tokenizer;

import static java.util.stream.Collectors.joining;

import com.google.common.collect.ImmutableMap;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/** The classes of transformers whose older files are read, and what each makes of them. */
enum TokenizerClass {
  /** GPT-2's, and OPT's. */
  GPT2("GPT2Tokenizer", ByteLevelFiles.VOCABULARY),
  QWEN2("Qwen2Tokenizer", ByteLevelFiles.VOCABULARY),
  /** LLaMA's first two generations, and what was made of them; Mistral's first. */
  LLAMA("LlamaTokenizer", "tokenizer.model"),
  /** SentencePiece's own way, with its normaliser. */
  T5("T5Tokenizer", "spiece.model");

  /** What a class of a library for fast tokenizers is called beside the other of the same name. */
  private static final String FAST = "Fast";

  private static final ImmutableMap<String, TokenizerClass> OF_MODELS =
      ImmutableMap.<String, TokenizerClass>builder()
          .put("gpt2", GPT2)
          .put("opt", GPT2)
          .put("qwen2", QWEN2)
          .put("qwen3", QWEN2)
          .put("llama", LLAMA)
          .put("mistral", LLAMA)
          .buildOrThrow();

  private final String className;
  private final String vocabulary;

  TokenizerClass(String className, String vocabulary) {
    this.className = className;
    this.vocabulary = vocabulary;
  }

  /** Finds a class by its name, which may be that of its fast sister. */
  static Optional<TokenizerClass> named(String name) {
    String plain = name.endsWith(FAST) ? name.substring(0, name.length() - FAST.length()) : name;
    return Arrays.stream(values()).filter(known -> known.className.equals(plain)).findFirst();
  }

  /** Finds the class that transformers takes for a model of which nothing else is said. */
  static Optional<TokenizerClass> ofModel(String modelType) {
    return Optional.ofNullable(OF_MODELS.get(modelType));
  }

  static String known() {
    return Arrays.stream(values()).map(known -> known.className).collect(joining(", "));
  }

  static String knownModels() {
    return String.join(", ", OF_MODELS.keySet());
  }

  /** The name of the file that has the tokens. */
  String vocabulary() {
    return vocabulary;
  }

  /**
   * Makes a tokenizer.json.
   *
   * @throws IOException if the files of the class are damaged or missing
   */
  String convert(Path folder, TokenizerConfig config) throws IOException {
    return switch (this) {
      case GPT2, QWEN2 -> new ByteLevelConversion(this, ByteLevelFiles.read(folder), config).json();
      case LLAMA, T5 ->
          new PieceConversion(
                  this,
                  folder.resolve(vocabulary),
                  SentencePieceModel.read(folder.resolve(vocabulary)),
                  config)
              .json();
    };
  }

  @Override
  public String toString() {
    return className;
  }
}
