package org.minillm.core.tokenizer;

import com.google.common.collect.ImmutableList;
import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.io.StringWriter;
import java.util.List;
import java.util.Optional;

/**
 * A tokenizer.json in the making, around its model.
 *
 * @param addedTokens what is found before all else
 * @param normalizer JSON
 * @param preTokenizer JSON
 * @param postProcessor JSON
 * @param decoder JSON
 */
record TokenizerJson(
    AddedTokens addedTokens,
    String normalizer,
    String preTokenizer,
    String postProcessor,
    String decoder) {

  static final String NONE = "null";

  /** Writes the members of a model. */
  interface Model {
    void write(JsonWriter out) throws IOException;
  }

  String with(Model model) throws IOException {
    StringWriter text = new StringWriter();
    try (JsonWriter out = new JsonWriter(text)) {
      out.beginObject();
      out.name("version").value("1.0");
      out.name("truncation").nullValue();
      out.name("padding").nullValue();
      out.name("added_tokens");
      addedTokens.write(out);
      out.name("normalizer").jsonValue(normalizer);
      out.name("pre_tokenizer").jsonValue(preTokenizer);
      out.name("post_processor").jsonValue(postProcessor);
      out.name("decoder").jsonValue(decoder);
      out.name("model").beginObject();
      model.write(out);
      out.endObject();
      out.endObject();
    }
    return text.toString();
  }

  /** The marks that go around a text where a program asks for special tokens. */
  record Template(Optional<String> before, Optional<String> after, int secondType, boolean twice) {

    /**
     * Writes it as JSON.
     *
     * @param tokens those that have the marks
     */
    String json(AddedTokens tokens) throws IOException {
      StringWriter text = new StringWriter();
      try (JsonWriter out = new JsonWriter(text)) {
        out.beginObject();
        out.name("type").value("TemplateProcessing");
        out.name("single").beginArray();
        write(out, "A", 0, true);
        out.endArray();
        out.name("pair").beginArray();
        write(out, "A", 0, true);
        write(out, "B", secondType, twice);
        out.endArray();
        out.name("special_tokens").beginObject();
        for (String mark : marks()) {
          out.name(mark).beginObject();
          out.name("id").value(mark);
          out.name("ids").beginArray().value(tokens.id(mark).orElseThrow()).endArray();
          out.name("tokens").beginArray().value(mark).endArray();
          out.endObject();
        }
        out.endObject();
        out.endObject();
      }
      return text.toString();
    }

    private List<String> marks() {
      ImmutableList.Builder<String> marks = ImmutableList.builder();
      before.ifPresent(marks::add);
      after.filter(mark -> !before.equals(Optional.of(mark))).ifPresent(marks::add);
      return marks.build();
    }

    private void write(JsonWriter out, String sequence, int type, boolean marked)
        throws IOException {
      if (marked && before.isPresent()) {
        write(out, "SpecialToken", before.get(), type);
      }
      write(out, "Sequence", sequence, type);
      if (marked && after.isPresent()) {
        write(out, "SpecialToken", after.get(), type);
      }
    }

    private static void write(JsonWriter out, String kind, String id, int type) throws IOException {
      out.beginObject().name(kind).beginObject();
      out.name("id").value(id).name("type_id").value(type);
      out.endObject().endObject();
    }
  }
}
