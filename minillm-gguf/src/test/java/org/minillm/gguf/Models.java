package org.minillm.gguf;

import com.google.common.primitives.ImmutableIntArray;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToIntFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.minillm.core.architecture.BlockTap;
import org.minillm.core.architecture.GroupId;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.architecture.WeightTransform;
import org.minillm.core.cut.CheckpointConverter;
import org.minillm.core.cut.CheckpointCutter;
import org.minillm.core.cut.Export;
import org.minillm.core.evaluation.Generation;
import org.minillm.core.evaluation.Sampling;
import org.minillm.core.plan.ModelFingerprint;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.ForwardPass;
import org.minillm.core.runtime.PassListener;
import org.minillm.core.runtime.PassRunner;
import org.minillm.core.runtime.ResidualStream;
import org.minillm.core.runtime.Tokenizer;
import org.minillm.demo.DemoData;

/** The models of the tests, and what MiniLLM says to a text with them. */
final class Models {

  private static final Path OTHERS = Path.of("../minillm-models/src/test/resources");

  private Models() {}

  static Path tinyLlama(Path temp) throws IOException {
    return DemoData.model(DemoData.extract(temp.resolve("demo")));
  }

  static Path tinyBloom() {
    return OTHERS.resolve("trained/tiny-bloom");
  }

  /** A random model of 256 tokens, one a byte, with a tokenizer that says so. */
  static Path random(String name, Path temp) throws IOException {
    Path folder = Files.createDirectories(temp.resolve(name));
    try (Stream<Path> files = Files.list(OTHERS.resolve("random").resolve(name))) {
      for (Path file : files.toList()) {
        Files.copy(file, folder.resolve(file.getFileName()));
      }
    }
    Files.writeString(folder.resolve("tokenizer.json"), byteTokenizer().toString());
    Files.writeString(
        folder.resolve("tokenizer_config.json"), "{\"eos_token\": \"" + letter(255) + "\"}");
    return folder;
  }

  private static JsonObject byteTokenizer() {
    JsonObject vocabulary = new JsonObject();
    IntStream.range(0, 256).forEach(value -> vocabulary.addProperty(letter(value), value));
    JsonObject model = new JsonObject();
    model.addProperty("type", "BPE");
    model.add("vocab", vocabulary);
    model.add("merges", new JsonArray());
    JsonObject bytes = new JsonObject();
    bytes.addProperty("type", "ByteLevel");
    bytes.addProperty("add_prefix_space", false);
    bytes.addProperty("trim_offsets", true);
    bytes.addProperty("use_regex", true);
    JsonObject root = new JsonObject();
    root.addProperty("version", "1.0");
    root.add("added_tokens", new JsonArray());
    root.add("pre_tokenizer", bytes);
    root.add("decoder", bytes);
    root.add("model", model);
    return root;
  }

  /** The letter that stands for a byte in GPT-2's vocabularies. */
  private static String letter(int value) {
    if (isLetter(value)) {
      return Character.toString(value);
    }
    return Character.toString(
        256 + (int) IntStream.range(0, value).filter(other -> !isLetter(other)).count());
  }

  private static boolean isLetter(int value) {
    return value > 32 && value < 127 || value > 160 && value != 173;
  }

  /** Keeps the first so many units of each group. */
  static PruningPlan plan(CausalLm model, ToIntFunction<PruningGroup> kept) throws IOException {
    Map<GroupId, PruningPlan.KeptUnits> units = new TreeMap<>();
    for (PruningGroup group : model.groups(List.of(GroupKind.values()))) {
      int count = kept.applyAsInt(group);
      units.put(
          group.id(),
          new PruningPlan.KeptUnits(
              group.units(),
              ImmutableIntArray.copyOf(IntStream.range(group.units() - count, group.units()))));
    }
    return new PruningPlan(
        ModelFingerprint.of(model.config(), model.checkpoint().sha256OfSamples()),
        units,
        Map.of("made_by", "test"));
  }

  static Path write(CausalLm model, PruningPlan plan, Export export, Path target)
      throws IOException {
    new CheckpointCutter(new PassRunner(model), plan).export(export).write(target, false);
    return target;
  }

  static Path convert(CausalLm model, Export export, Path target) throws IOException {
    new CheckpointConverter(model, export, PassListener.SILENT).write(target, false);
    return target;
  }

  /** Continues a text by the likeliest token, so many times. */
  static String continued(CausalLm model, String prompt, int tokens) throws IOException {
    try (Tokenizer tokenizer = model.tokenizer()) {
      int[] ids =
          new Generation(model, Sampling.GREEDY, tokens, java.util.Set.of())
              .run(List.of(tokenizer.encode(prompt)), Generation.TokenListener.NONE)
              .get(0);
      return tokenizer.decode(ids);
    }
  }

  /** The normed state after the last token, brought to length 1. */
  static float[] lastState(CausalLm model, String text) throws IOException {
    try (Tokenizer tokenizer = model.tokenizer();
        ForwardPass pass = new ForwardPass(model)) {
      int[] ids = tokenizer.encode(text);
      ResidualStream stream = pass.add(List.of(ids), WeightTransform.NONE, BlockTap.NONE);
      pass.run();
      float[] all = pass.normed(stream).get(0).toFloatArray();
      int width = model.config().hiddenSize();
      float[] last =
          java.util.Arrays.copyOfRange(all, (ids.length - 1) * width, ids.length * width);
      double length = 0;
      for (float number : last) {
        length += (double) number * number;
      }
      for (int i = 0; i < width; i++) {
        last[i] /= (float) Math.sqrt(length);
      }
      return last;
    }
  }
}
