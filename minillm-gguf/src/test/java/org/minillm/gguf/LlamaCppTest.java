package org.minillm.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.ToIntFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.cut.CutExport;
import org.minillm.core.cut.Export;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.runtime.CausalLm;

/** llama.cpp itself says of our files what MiniLLM says of the folders. */
class LlamaCppTest {

  private static final String PROMPT = "The first of them was built in";
  private static final int TOKENS = 40;

  /** Of states of length 1: both compute in float32, and add in another order. */
  private static final float STATES = 2e-6f;

  @TempDir Path temp;

  /** What of each group stays. */
  enum Cut {
    NONE(PruningGroup::units),
    CHANNELS(group -> group.id().kind() == GroupKind.MLP_CHANNELS ? 352 : group.units()),
    CHANNELS_AND_HEADS(group -> group.id().kind() == GroupKind.MLP_CHANNELS ? 352 : 2),
    UNEVEN_CHANNELS(
        group ->
            group.id().kind() == GroupKind.MLP_CHANNELS
                ? 512 - 100 * group.id().layer()
                : group.units()),
    UNEVEN(
        group ->
            group.id().kind() == GroupKind.MLP_CHANNELS
                ? 320 + 64 * group.id().layer()
                : 1 + group.id().layer() % 3);

    private final ToIntFunction<PruningGroup> kept;

    Cut(ToIntFunction<PruningGroup> kept) {
      this.kept = kept;
    }
  }

  private static Export gguf(String type) {
    return new GgufExport().with(Map.of("type", type));
  }

  private static ToIntFunction<PruningGroup> half(boolean uneven) {
    return group ->
        group.id().kind() == GroupKind.MLP_CHANNELS
            ? group.units() / 2 + (uneven ? 8 * group.id().layer() : 0)
            : group.units();
  }

  @ParameterizedTest
  @EnumSource(Cut.class)
  void textsOfAPrunedLlamaAreOurs(Cut cut) throws IOException {
    try (CausalLm dense = CausalLm.open(Models.tinyLlama(temp))) {
      // GIVEN
      PruningPlan plan = Models.plan(dense, cut.kept);
      Path file = Models.write(dense, plan, gguf("f32"), temp.resolve("small.gguf"));
      Path folder = Models.write(dense, plan, new CutExport(), temp.resolve("small"));

      try (CausalLm ours = CausalLm.open(folder);
          LlamaCpp theirs = LlamaCpp.open(file)) {
        // WHEN / THEN
        assertThat(theirs.continued(PROMPT, TOKENS))
            .isEqualTo(Models.continued(ours, PROMPT, TOKENS));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Cut.class,
      names = {"CHANNELS_AND_HEADS", "UNEVEN"})
  void statesOfAPrunedLlamaAreOurs(Cut cut) throws IOException {
    try (CausalLm dense = CausalLm.open(Models.tinyLlama(temp))) {
      // GIVEN
      PruningPlan plan = Models.plan(dense, cut.kept);
      Path file = Models.write(dense, plan, gguf("f32"), temp.resolve("small.gguf"));
      Path folder = Models.write(dense, plan, new CutExport(), temp.resolve("small"));

      assertSameStates(folder, file);
    }
  }

  private static void assertSameStates(Path folder, Path file) throws IOException {
    try (CausalLm ours = CausalLm.open(folder);
        LlamaCpp theirs = LlamaCpp.openForStates(file)) {
      assertThat(theirs.lastState(PROMPT))
          .containsExactly(Models.lastState(ours, PROMPT), within(STATES));
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Cut.class,
      names = {"NONE", "CHANNELS", "UNEVEN_CHANNELS"})
  void textsInEightBitsAreOurs(Cut cut) throws IOException {
    try (CausalLm dense = CausalLm.open(Models.tinyLlama(temp))) {
      // GIVEN
      PruningPlan plan = Models.plan(dense, cut.kept);
      Path file = Models.write(dense, plan, gguf("q8_0"), temp.resolve("small.gguf"));
      Path folder = Models.write(dense, plan, new CutExport(), temp.resolve("small"));

      try (CausalLm ours = CausalLm.open(folder);
          LlamaCpp theirs = LlamaCpp.open(file)) {
        // WHEN / THEN
        assertThat(theirs.continued(PROMPT, 20)).isEqualTo(Models.continued(ours, PROMPT, 20));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama-bf16",
        "llama-gqa-bias",
        "llama-mha-untied",
        "llama-sharded",
        "llama3-rope",
        "mistral-gqa"
      })
  void statesOfOtherModelsOfTheFamilyAreOurs(String name) throws IOException {
    Path folder = Models.random(name, temp);
    try (CausalLm model = CausalLm.open(folder)) {
      assertSameStates(folder, Models.convert(model, gguf("f32"), temp.resolve("model.gguf")));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa-bias", "llama3-rope", "mistral-gqa", "qwen3-qknorm"})
  void statesOfModelsWithUnevenChannelsAreOurs(String name) throws IOException {
    try (CausalLm model = CausalLm.open(Models.random(name, temp))) {
      PruningPlan plan = Models.plan(model, half(true));
      Path file = Models.write(model, plan, gguf("f32"), temp.resolve("model.gguf"));
      assertSameStates(Models.write(model, plan, new CutExport(), temp.resolve("cut")), file);
    }
  }

  @Test
  void statesOfAQwen3WithUnevenHeadsAreOurs() throws IOException {
    try (CausalLm model = CausalLm.open(Models.random("qwen3-qknorm", temp))) {
      PruningPlan plan =
          Models.plan(model, group -> group.id().layer() == 0 ? group.units() / 2 : group.units());
      Path file = Models.write(model, plan, gguf("f32"), temp.resolve("model.gguf"));
      assertSameStates(Models.write(model, plan, new CutExport(), temp.resolve("cut")), file);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void statesOfAQwen2AreOurs(boolean uneven) throws IOException {
    // GIVEN a LLaMA with biases of queries, keys and values only is a Qwen2
    Path folder = Remade.qwen2(Models.random("llama-gqa-bias", temp), temp.resolve("qwen2"));
    try (CausalLm model = CausalLm.open(folder)) {
      PruningPlan plan = Models.plan(model, half(uneven));

      // WHEN
      Path file = Models.write(model, plan, gguf("f32"), temp.resolve("model.gguf"));

      // THEN
      assertSameStates(Models.write(model, plan, new CutExport(), temp.resolve("cut")), file);
    }
  }

  @Test
  void textsOfABloomWithFewerChannelsAreOurs() throws IOException {
    // GIVEN this build of llama.cpp wants BLOOM's head in the file, later ones do not
    Path folder =
        Remade.untied(
            Models.tinyBloom(), temp.resolve("bloom"), "transformer.word_embeddings.weight");
    try (CausalLm model = CausalLm.open(folder)) {
      PruningPlan plan = Models.plan(model, half(false));
      Path file = Models.write(model, plan, gguf("f32"), temp.resolve("model.gguf"));
      Path cut = Models.write(model, plan, new CutExport(), temp.resolve("cut"));

      try (CausalLm ours = CausalLm.open(cut);
          LlamaCpp theirs = LlamaCpp.open(file)) {
        // WHEN / THEN
        assertThat(theirs.continued(PROMPT, TOKENS))
            .isEqualTo(Models.continued(ours, PROMPT, TOKENS));
      }
    }
  }

  @Test
  void tokensOfATextAreOurs() throws IOException {
    String text =
        "It's 1917 — we've 3.14 tests;  two  spaces,\n\n\tÄpfel in 東京, don't\u00a0you? naïve 😀 […]\n";
    try (CausalLm model = CausalLm.open(Models.tinyLlama(temp));
        var tokenizer = model.tokenizer();
        LlamaCpp theirs =
            LlamaCpp.open(Models.convert(model, gguf("stored"), temp.resolve("model.gguf")))) {
      assertThat(theirs.encode(text)).containsExactly(tokenizer.encode(text));
    }
  }

  @Test
  void aTokenizerCopiedFromAnotherFileIsTheSame() throws IOException {
    try (CausalLm model = CausalLm.open(Models.tinyLlama(temp))) {
      // GIVEN
      Path made = Models.convert(model, gguf("stored"), temp.resolve("made.gguf"));

      // WHEN
      Export copying = new GgufExport().with(Map.of("template", made.toString()));
      Path copied = Models.convert(model, copying, temp.resolve("copied.gguf"));

      // THEN
      assertThat(GgufHeaderReader.read(copied).metadata())
          .containsAllEntriesOf(TokenizerTemplate.read(made, model.config().vocabSize()));
      try (LlamaCpp theirs = LlamaCpp.open(copied)) {
        assertThat(theirs.continued(PROMPT, 10)).isEqualTo(Models.continued(model, PROMPT, 10));
      }
    }
  }
}
