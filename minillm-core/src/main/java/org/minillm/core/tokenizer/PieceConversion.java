package org.minillm.core.tokenizer;

import com.google.common.collect.ImmutableMap;
import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.minillm.core.files.JsonNode;
import org.minillm.core.files.MalformedFileException;
import org.minillm.core.tokenizer.SentencePieceModel.Algorithm;
import org.minillm.core.tokenizer.SentencePieceModel.Kind;
import org.minillm.core.tokenizer.SentencePieceModel.Piece;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes a tokenizer.json of a model of SentencePiece, by the rules of LLaMA or of T5. */
final class PieceConversion {

  private static final Logger LOG = LoggerFactory.getLogger(PieceConversion.class);

  private static final String EXTRA_IDS = "extra_ids";
  private static final int MAX_EXTRA_IDS = 10_000;

  /** LLaMA's first three pieces are marks, whatever their scores. */
  private static final int MARKS = 3;

  private static final SpecialTokens.Defaults LLAMA =
      new SpecialTokens.Defaults(
          ImmutableMap.of(
              SpecialTokens.BEGIN, "<s>",
              SpecialTokens.END, "</s>",
              SpecialTokens.UNKNOWN, "<unk>"),
          false);

  private static final SpecialTokens.Defaults T5 =
      new SpecialTokens.Defaults(
          ImmutableMap.of(
              SpecialTokens.END, "</s>",
              SpecialTokens.UNKNOWN, "<unk>",
              SpecialTokens.PADDING, "<pad>"),
          false);

  private static final String SPACES =
      """
      {"type":"Replace","pattern":{"String":" "},"content":"▁"}""";

  private static final String EXTRA_SPACES =
      """
      {"type":"Strip","strip_left":false,"strip_right":true},\
      {"type":"Replace","pattern":{"Regex":" {2,}"},"content":"▁"}""";

  private static final String LLAMA_DECODERS =
      """
      {"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},\
      {"type":"Fuse"}""";

  private static final String METASPACE =
      """
      {"type":"Metaspace","replacement":"▁","prepend_scheme":"%s","split":%s}""";

  private final boolean isLlama;
  private final Path file;
  private final SentencePieceModel model;
  private final TokenizerConfig config;
  private final List<String> texts = new ArrayList<>();
  private final Map<String, Integer> ids = new HashMap<>();
  private final boolean prefix;
  private final boolean legacy;

  /**
   * Prepares it.
   *
   * @param file where the model was read, for messages
   * @throws MalformedFileException if a setting is of a wrong type
   */
  PieceConversion(
      TokenizerClass tokenizerClass, Path file, SentencePieceModel model, TokenizerConfig config)
      throws MalformedFileException {
    this.isLlama = tokenizerClass == TokenizerClass.LLAMA;
    this.file = file;
    this.model = model;
    this.config = config;
    this.prefix = config.flag("add_prefix_space", true);
    this.legacy = config.flag("legacy", true);
  }

  String json() throws IOException {
    SpecialTokens special = config.specialTokens(isLlama ? LLAMA : T5);
    model.pieces().forEach(piece -> addText(piece.text()));
    if (!isLlama) {
      addExtraIds(special);
    }
    AddedTokens added = new AddedTokens(ids);
    added.addAll(marks());
    special.addTo(added);
    return isLlama ? llama(special, added) : t5(special, added);
  }

  private List<AddedToken> marks() {
    List<AddedToken> marks = new ArrayList<>();
    for (Piece piece : model.pieces()) {
      if (piece.kind() == Kind.CONTROL || piece.kind() == Kind.USER_DEFINED) {
        boolean isSpecial = piece.kind() == Kind.CONTROL;
        marks.add(new AddedToken(piece.text(), false, false, false, false, isSpecial));
      }
    }
    return marks;
  }

  private boolean addText(String text) {
    if (ids.putIfAbsent(text, texts.size()) != null) {
      return false;
    }
    texts.add(text);
    return true;
  }

  /** T5's marks for what is missing in a text, which its model does not have. */
  private void addExtraIds(SpecialTokens special) throws MalformedFileException {
    int count = config.count(EXTRA_IDS, 100, MAX_EXTRA_IDS);
    List<String> marks =
        Stream.iterate(0, i -> i + 1).limit(count).map(PieceConversion::mark).toList();
    long said = special.additional().stream().filter(text -> text.contains("<extra_id_")).count();
    if (said == 0) {
      special.addAdditional(marks);
    } else if (count > 0 && said != count) {
      throw new MalformedFileException(
          "%s: tokenizer_config.json has %d %s, and %d of them as additional_special_tokens"
              .formatted(file, count, EXTRA_IDS, said));
    }
    for (int i = count - 1; i >= 0; i--) {
      if (!addText(marks.get(i))) {
        throw new MalformedFileException(
            "%s: it has the piece \"%s\" already, which %s of tokenizer_config.json adds; set that"
                    .formatted(file, JsonNode.shortened(marks.get(i)), EXTRA_IDS)
                + " to 0");
      }
    }
  }

  private static String mark(int number) {
    return "<extra_id_" + number + ">";
  }

  private String llama(SpecialTokens special, AddedTokens added) throws IOException {
    SentencePieceModel.Normalizer normalizer = model.normalizer();
    if (!normalizer.precompiledCharsmap().isEmpty()
        || normalizer.removeExtraWhitespaces()
        || normalizer.addDummyPrefix() != prefix) {
      LOG.warn(
          "{}: its normalizer_spec is not that of a LLaMA; as in transformers' LlamaTokenizerFast it"
              + " is not followed, and the tokens may be other than SentencePiece's own",
          file);
    }
    String prepended = prefix ? "{\"type\":\"Prepend\",\"prepend\":\"▁\"}," : "";
    String stripped =
        prefix ? ",{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}" : "";
    return new TokenizerJson(
            added,
            legacy
                ? "{\"type\":\"Sequence\",\"normalizers\":[" + prepended + SPACES + "]}"
                : TokenizerJson.NONE,
            legacy ? TokenizerJson.NONE : METASPACE.formatted(prepend(), false),
            new TokenizerJson.Template(
                    special.role(SpecialTokens.BEGIN).filter(asked("add_bos_token", true)),
                    special.role(SpecialTokens.END).filter(asked("add_eos_token", false)),
                    1,
                    true)
                .json(added),
            "{\"type\":\"Sequence\",\"decoders\":[" + LLAMA_DECODERS + stripped + "]}")
        .with(this::writeModel);
  }

  private Predicate<String> asked(String key, boolean otherwise) throws MalformedFileException {
    boolean asked = config.flag(key, otherwise);
    return mark -> asked;
  }

  private String prepend() {
    return !prefix ? "never" : legacy ? "always" : "first";
  }

  private String t5(SpecialTokens special, AddedTokens added) throws IOException {
    String charsmap = model.normalizer().precompiledCharsmap();
    String mapped =
        charsmap.isEmpty()
            ? ""
            : "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"" + charsmap + "\"},";
    return new TokenizerJson(
            added,
            "{\"type\":\"Sequence\",\"normalizers\":[" + mapped + EXTRA_SPACES + "]}",
            METASPACE.formatted(prepend(), true),
            new TokenizerJson.Template(Optional.empty(), special.role(SpecialTokens.END), 0, true)
                .json(added),
            METASPACE.formatted(prepend(), true))
        .with(this::writeModel);
  }

  private void writeModel(JsonWriter out) throws IOException {
    float[] scores = new float[texts.size()];
    for (int i = isLlama ? MARKS : 0; i < model.pieces().size(); i++) {
      scores[i] = model.pieces().get(i).score();
    }
    if (model.algorithm() == Algorithm.UNIGRAM) {
      writeUnigram(scores, out);
    } else {
      writeBpe(scores, out);
    }
  }

  private void writeUnigram(float[] scores, JsonWriter out) throws IOException {
    out.name("type").value("Unigram");
    out.name("unk_id").value(isLlama ? 0 : model.unknownId());
    out.name("vocab").beginArray();
    for (int id = 0; id < scores.length; id++) {
      out.beginArray().value(texts.get(id)).value((double) scores[id]).endArray();
    }
    out.endArray();
    out.name("byte_fallback").value(isLlama);
  }

  private void writeBpe(float[] scores, JsonWriter out) throws IOException {
    PieceMerges merges;
    try {
      merges = PieceMerges.of(texts, scores, ids);
    } catch (IllegalArgumentException e) {
      throw new MalformedFileException(file + ": " + e.getMessage(), e);
    }
    out.name("type").value("BPE");
    out.name("dropout").nullValue();
    out.name("unk_token").value(model.unknownPiece());
    out.name("continuing_subword_prefix").nullValue();
    out.name("end_of_word_suffix").nullValue();
    out.name("fuse_unk").value(true);
    out.name("byte_fallback").value(isLlama);
    out.name("ignore_merges").value(false);
    out.name("vocab").beginObject();
    for (int id = 0; id < scores.length; id++) {
      out.name(texts.get(id)).value(id);
    }
    out.endObject();
    out.name("merges");
    merges.write(out);
  }
}
