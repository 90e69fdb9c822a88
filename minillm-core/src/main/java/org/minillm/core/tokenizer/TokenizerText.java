package org.minillm.core.tokenizer;

import static java.util.Objects.requireNonNull;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import org.minillm.core.files.TextFile;

/**
 * A tokenizer as the text of a tokenizer.json, whatever form the folder has it in: tokenizer.json
 * itself; {@code vocab.json} and {@code merges.txt} (byte-level BPE); or {@code tokenizer.model},
 * by another name {@code spiece.model} (SentencePiece, BPE or unigram). Which of the older forms is
 * read, and how, follows from {@code tokenizer_class} of tokenizer_config.json, else of
 * config.json, else from its {@code model_type}: the same files mean other tokens to another class.
 *
 * <p>The older forms become what transformers 4 makes of them when it opens such a folder with
 * {@code AutoTokenizer}: the same tokens, for the same texts. What it passes over is passed over
 * here, and where it contradicts the files, the folder is refused.
 *
 * @param file the file that messages about the tokenizer are to name: the one that was read, or the
 *     one that holds the vocabulary
 * @param json the text of a tokenizer.json; as it stands in the file where there is one, not
 *     checked
 */
public record TokenizerText(Path file, String json) {

  /** The newest form, which goes before the others. */
  public static final String FILE = "tokenizer.json";

  private static final List<String> OLDER_FILES =
      List.of(
          ByteLevelFiles.VOCABULARY,
          ByteLevelFiles.MERGES,
          TokenizerClass.LLAMA.vocabulary(),
          TokenizerClass.T5.vocabulary());

  // Refuses nulls.
  public TokenizerText {
    requireNonNull(file, "file");
    requireNonNull(json, "json");
  }

  /**
   * Reads the tokenizer of a folder.
   *
   * @param folder of a model in Hugging Face's form
   * @return its text
   * @throws NoSuchFileException if the folder has none of the forms, or a part of one is missing
   * @throws org.minillm.core.files.MalformedFileException if a file is damaged, or of a kind that
   *     is not known; the message names the file and the remedy
   * @throws IOException if a file cannot be read
   */
  public static TokenizerText of(Path folder) throws IOException {
    requireNonNull(folder, "folder");
    Path file = folder.resolve(FILE);
    if (Files.exists(file)) {
      return new TokenizerText(file, TextFile.read(file));
    }
    if (OLDER_FILES.stream().map(folder::resolve).noneMatch(Files::exists)) {
      throw new NoSuchFileException(
          file.toString(),
          null,
          "no such file; copy tokenizer.json of the model into the folder, or the older form that"
              + " it has: vocab.json and merges.txt, or tokenizer.model");
    }
    TokenizerConfig config = TokenizerConfig.read(folder);
    TokenizerClass tokenizerClass = config.tokenizerClass();
    Path vocabulary = folder.resolve(tokenizerClass.vocabulary());
    if (!Files.exists(vocabulary)) {
      throw new NoSuchFileException(
          vocabulary.toString(),
          null,
          "no such file, which a %s is read from; copy it of the model, or tokenizer.json"
              .formatted(tokenizerClass));
    }
    return new TokenizerText(vocabulary, tokenizerClass.convert(folder, config));
  }

  /**
   * Makes the tokenizer of a model of SentencePiece that stands in a file with everything else.
   *
   * @param file which file, for messages
   * @param model pieces and scores
   * @param config what tokenizer_config.json would say
   * @return its text, by the rules of LLaMA
   * @throws IOException if the model contradicts itself
   */
  public static TokenizerText of(Path file, SentencePieceModel model, JsonObject config)
      throws IOException {
    requireNonNull(file, "file");
    requireNonNull(model, "model");
    requireNonNull(config, "config");
    return new TokenizerText(
        file,
        new PieceConversion(TokenizerClass.LLAMA, file, model, TokenizerConfig.of(file, config))
            .json());
  }
}
