package org.minillm.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.primitives.ImmutableIntArray;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.function.ToIntFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.architecture.GroupKind;
import org.minillm.core.architecture.PruningGroup;
import org.minillm.core.checkpoint.Checkpoint;
import org.minillm.core.checkpoint.TensorContent;
import org.minillm.core.cut.CutExport;
import org.minillm.core.files.MalformedFileException;
import org.minillm.core.plan.PruningPlan;
import org.minillm.core.runtime.CausalLm;
import org.minillm.core.runtime.Tokenizer;

/** A model that went into a GGUF file comes out of it as it was. */
class GgufReadTest {

  private static final String TEXT =
      "The first of them was built in 1923, said Ms. Haag…  \n\tNaïve 东京 🙂 and so on.";

  @TempDir Path temp;

  private static byte[] bytes(TensorContent content) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    content.writeTo(Channels.newChannel(bytes));
    return bytes.toByteArray();
  }

  /** Heads and channels, in other numbers in each layer. */
  private static ToIntFunction<PruningGroup> uneven() {
    return group ->
        group.id().kind() == GroupKind.MLP_CHANNELS
            ? group.units() / 2 + 8 * group.id().layer()
            : Math.max(1, group.units() - group.id().layer());
  }

  private static ToIntFunction<PruningGroup> halfOfTheChannels() {
    return group -> group.id().kind() == GroupKind.MLP_CHANNELS ? group.units() / 2 : group.units();
  }

  private Path folder(String name) throws IOException {
    return switch (name) {
      case "tiny-llama" -> Models.tinyLlama(temp);
      case "tiny-bloom" -> Models.tinyBloom();
      default -> Models.random(name, temp);
    };
  }

  private void assertSame(Path folder, Path file) throws IOException {
    try (CausalLm expected = CausalLm.open(folder);
        CausalLm read = CausalLm.open(file)) {
      assertThat(read.config().layers()).isEqualTo(expected.config().layers());
      ImmutableSet<String> names = expected.decoder().tensors().keySet();
      assertThat(read.decoder().tensors()).isEqualTo(expected.decoder().tensors());
      for (String name : names) {
        Checkpoint theirs = read.checkpoint();
        // vectors are F32 in the file
        if (theirs.tensor(name).type() == expected.checkpoint().tensor(name).type()) {
          assertThat(bytes(theirs.content(name)))
              .as(name)
              .isEqualTo(bytes(expected.checkpoint().content(name)));
        }
      }
      assertThat(Models.lastState(read, TEXT)).isEqualTo(Models.lastState(expected, TEXT));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "tiny-llama",
        "tiny-bloom",
        "llama-gqa-bias",
        "llama-mha-untied",
        "llama3-rope",
        "llama-bf16",
        "qwen3-qknorm"
      })
  void aDenseModelComputesWhatItDidToTheBit(String name) throws IOException {
    // GIVEN
    Path folder = folder(name);
    try (CausalLm dense = CausalLm.open(folder)) {
      // WHEN
      Path file = Models.convert(dense, new GgufExport(), temp.resolve("dense.gguf"));

      // THEN
      assertSame(folder, file);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-llama", "llama-gqa-bias", "llama3-rope"})
  void anUnevenModelDoesToo(String name) throws IOException {
    assertPruned(name, uneven());
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-llama", "tiny-bloom", "qwen3-qknorm"})
  void andOneOfFewerChannels(String name) throws IOException {
    assertPruned(name, halfOfTheChannels());
  }

  private void assertPruned(String name, ToIntFunction<PruningGroup> kept) throws IOException {
    try (CausalLm dense = CausalLm.open(folder(name))) {
      // GIVEN
      PruningPlan plan = Models.plan(dense, kept);

      // WHEN it is written in both forms
      Path folder = Models.write(dense, plan, new CutExport(), temp.resolve("small"));
      Path file = Models.write(dense, plan, new GgufExport(), temp.resolve("small.gguf"));

      // THEN
      assertSame(folder, file);
    }
  }

  @Test
  void tokensAreThoseOfTheFolder() throws IOException {
    try (CausalLm dense = CausalLm.open(Models.tinyLlama(temp));
        CausalLm read =
            CausalLm.open(Models.convert(dense, new GgufExport(), temp.resolve("dense.gguf")));
        Tokenizer expected = dense.tokenizer();
        Tokenizer tokenizer = read.tokenizer()) {
      int[] ids = expected.encode(TEXT);
      assertThat(tokenizer.encode(TEXT)).isEqualTo(ids);
      assertThat(tokenizer.decode(ids)).isEqualTo(expected.decode(ids));
      assertThat(read.endTokens()).isEqualTo(dense.endTokens());
    }
  }

  @Test
  void aFileIsPrunedIntoAFolderWithItsTokenizer() throws IOException {
    // GIVEN a quantised file
    try (CausalLm dense = CausalLm.open(Models.tinyLlama(temp));
        CausalLm quantised =
            CausalLm.open(
                Models.convert(
                    dense,
                    new GgufExport().with(Map.of("type", "q8_0")),
                    temp.resolve("q.gguf")))) {
      // WHEN
      Path folder =
          Models.write(
              quantised,
              Models.plan(quantised, halfOfTheChannels()),
              new CutExport(),
              temp.resolve("small"));

      // THEN it opens, and has the file's tokenizer
      assertThat(Files.exists(folder.resolve("tokenizer_config.json"))).isTrue();
      try (CausalLm small = CausalLm.open(folder);
          Tokenizer tokenizer = small.tokenizer();
          Tokenizer ofTheFile = quantised.tokenizer()) {
        assertThat(tokenizer.encode(TEXT)).isEqualTo(ofTheFile.encode(TEXT));
        assertThat(small.config().layers().get(0).intermediateSize()).isEqualTo(256);
      }
    }
  }

  @Test
  void numbersOfAPartOfARowAreReadFromWithinABlock() throws IOException {
    // GIVEN a matrix in blocks of 32
    try (CausalLm dense = CausalLm.open(Models.tinyLlama(temp));
        Checkpoint read =
            Checkpoint.open(
                Models.convert(
                    dense,
                    new GgufExport().with(Map.of("type", "q8_0")),
                    temp.resolve("q.gguf")))) {
      String name = "model.layers.0.mlp.down_proj.weight";
      byte[] whole = bytes(read.content(name));
      int columns = (int) read.tensor(name).shape().get(1);

      // WHEN columns 5 to 40 are selected
      byte[] some = bytes(read.select(name, 1, ImmutableIntArray.copyOf(IntStream.range(5, 41))));

      // THEN they are those of the whole
      byte[] third = Arrays.copyOfRange(some, 2 * 36 * 2, 3 * 36 * 2);
      int from = (2 * columns + 5) * 2;
      assertThat(third).isEqualTo(Arrays.copyOfRange(whole, from, from + 72));
    }
  }

  /** More are tried before a release: {@code -Dminillm.mutations=1000000}. */
  private static final int MUTATIONS = Integer.getInteger("minillm.mutations", 1000);

  @Test
  void aDamagedFileIsRefusedOrReadButNothingElse() throws IOException {
    byte[] intact;
    try (CausalLm dense = CausalLm.open(Models.random("llama-gqa-bias", temp))) {
      intact =
          Files.readAllBytes(Models.convert(dense, new GgufExport(), temp.resolve("intact.gguf")));
    }
    Random random = new Random(18);
    Path path = temp.resolve("damaged.gguf");
    for (int i = 0; i < MUTATIONS; i++) {
      byte[] damaged = intact.clone();
      for (int changes = random.nextInt(3); changes >= 0; changes--) {
        // what stands before the numbers is some ten thousand bytes
        damaged[random.nextInt(Math.min(12_000, damaged.length))] = (byte) random.nextInt();
      }
      Files.write(path, damaged);
      try (Checkpoint checkpoint = Checkpoint.open(path)) {
        assertThat(checkpoint.tensors()).isNotEmpty();
      } catch (MalformedFileException e) {
        assertThat(e).hasMessageContaining("damaged.gguf");
      } catch (FileSystemException e) {
        assertThat(e).hasMessageContaining("no file that is a whole model"); // the first bytes
      }
    }
  }

  @Test
  void anArchitectureThatIsNotKnownIsNamed() throws IOException {
    Path path = temp.resolve("other.gguf");
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    new GgufWriter(
            ImmutableMap.of("general.architecture", GgufValue.text("mamba")), ImmutableList.of())
        .writeTo(Channels.newChannel(out), written -> {});
    Files.write(path, out.toByteArray());

    assertThatExceptionOfType(MalformedFileException.class)
        .isThrownBy(() -> Checkpoint.open(path))
        .withMessageContaining("other.gguf: architecture \"mamba\", expected one of llama, deci");
  }
}
