package org.minillm.core.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.google.common.primitives.ImmutableIntArray;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.files.MalformedFileException;

/** Files of torch.save, made by PyTorch: tools/make_pytorch_inputs.py. */
class PytorchWeightsTest {

  private static final Path INPUTS = Path.of("src/test/resources/pytorch");

  @TempDir Path temp;

  private Checkpoint open(String file) throws IOException {
    return open(Files.readAllBytes(INPUTS.resolve(file)));
  }

  private Checkpoint open(byte[] bytes) throws IOException {
    return Checkpoint.open(ModelFolder.in(temp).bytes("pytorch_model.bin", bytes).path);
  }

  private static byte[] bytes(TensorContent content) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    content.writeTo(Channels.newChannel(bytes));
    return bytes.toByteArray();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "plain",
        "shared",
        "rows",
        "columns",
        "transposed",
        "every_other",
        "expanded",
        "three",
        "scalar",
        "none",
        "parameter",
        "half",
        "bfloat",
        "double",
        "long",
        "flag"
      })
  void aViewOfAStorageHasTheNumbersThatPytorchSees(String name) throws IOException {
    // GIVEN the same tensors as PyTorch and safetensors store them
    try (Checkpoint views = open("views.bin");
        WeightFile expected = SafetensorsFile.open(INPUTS.resolve("views.safetensors"))) {
      StoredTensor same =
          expected.tensors().stream()
              .filter(tensor -> tensor.info().name().equals(name))
              .findFirst()
              .orElseThrow();

      // THEN type, shape and all bytes are equal
      assertThat(views.tensor(name)).isEqualTo(same.info());
      ByteBuffer numbers = ByteBuffer.allocate((int) same.info().bytes());
      same.read(numbers, 0);
      assertThat(bytes(views.content(name))).isEqualTo(numbers.array());
    }
  }

  @Test
  void aPartOfAViewIsReadFromWhereItBegins() throws IOException {
    // GIVEN rows of a transposed matrix, which are its columns
    try (Checkpoint views = open("views.bin")) {
      byte[] whole = bytes(views.content("transposed"));

      // WHEN
      byte[] rows = bytes(views.select("transposed", 0, ImmutableIntArray.of(1, 4)));

      // THEN
      ByteBuffer expected = ByteBuffer.allocate(rows.length);
      expected.put(whole, 6 * 4, 6 * 4).put(whole, 4 * 6 * 4, 6 * 4);
      assertThat(rows).isEqualTo(expected.array());
    }
  }

  @Test
  void weightsAmongOtherThingsOfATrainingAreFound() throws IOException {
    try (Checkpoint checkpoint = open("nested.bin")) {
      assertThat(checkpoint.tensors().keySet()).containsExactly("weight");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "before-zip.bin,before PyTorch 1.6",
    "torchscript.bin,a TorchScript program",
    "whole-model.bin,'needs Python''s torch.nn.modules.linear.Linear, which is not run here'",
    "views.safetensors,no file of torch.save"
  })
  void whatIsNotReadSaysWhatItIs(String file, String words) {
    assertThatExceptionOfType(MalformedFileException.class)
        .isThrownBy(() -> open(file).close())
        .withMessageContaining("pytorch_model.bin: ")
        .withMessageContaining(words);
  }

  @Test
  void safetensorsAreReadWhereBothAreThere() throws IOException {
    // GIVEN
    ModelFolder folder =
        ModelFolder.in(temp)
            .bytes("pytorch_model.bin", Files.readAllBytes(INPUTS.resolve("nested.bin")))
            .weights("{}");

    // WHEN / THEN
    try (Checkpoint checkpoint = Checkpoint.open(folder.path)) {
      assertThat(checkpoint.tensors()).isEmpty();
    }
  }

  /** More are tried before a release: {@code -Dminillm.mutations=1000000}. */
  private static final int MUTATIONS = Integer.getInteger("minillm.mutations", 2000);

  @Test
  void aDamagedFileIsRefusedOrReadButNothingElse() throws IOException {
    byte[] intact = Files.readAllBytes(INPUTS.resolve("views.bin"));
    Random random = new Random(18);
    for (int i = 0; i < MUTATIONS; i++) {
      byte[] damaged = Mutation.of(intact, random);
      try (Checkpoint checkpoint = open(damaged)) {
        for (String name : checkpoint.tensors().keySet()) {
          if (checkpoint.tensor(name).bytes() < 1 << 20) {
            bytes(checkpoint.content(name));
          }
        }
      } catch (MalformedFileException e) {
        assertThat(e).hasMessageContaining("pytorch_model.bin");
      }
    }
  }
}
