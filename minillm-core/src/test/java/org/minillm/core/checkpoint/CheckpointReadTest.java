package org.minillm.core.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.common.primitives.ImmutableIntArray;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CheckpointReadTest {

  @TempDir Path temp;
  private NDManager manager;

  @BeforeEach
  void openManager() {
    manager = NDManager.newBaseManager();
  }

  @AfterEach
  void closeManager() {
    manager.close();
  }

  @ParameterizedTest
  @CsvSource({"F16,003c00c00080", "BF16,803f00c00080", "F32,0000803f000000c000000080"})
  void aTensorIsReadAsFloat32(String type, String hex) throws IOException {
    // GIVEN 1, -2 and -0, as stored in the type
    try (Checkpoint checkpoint = matrix(type, 3, 1, HexFormat.of().parseHex(hex))) {
      // WHEN
      NDArray array = checkpoint.read("w", manager);

      // THEN
      assertThat(array.getDataType()).isEqualTo(DataType.FLOAT32);
      assertThat(array.getShape()).isEqualTo(new Shape(3, 1));
      assertThat(array.toFloatArray()).containsExactly(1f, -2f, -0f);
    }
  }

  @Test
  void anArrayHangsOnItsOwner() throws IOException {
    try (Checkpoint checkpoint = matrix("F32", 1, 1, ModelFolder.floats(1))) {
      // GIVEN
      NDArray array;

      // WHEN
      try (NDManager owner = manager.newSubManager()) {
        array = checkpoint.read("w", owner);
      }

      // THEN
      assertThat(array.isReleased()).isTrue();
    }
  }

  @Test
  void singleNumbersAndEmptyTensorsAreRead() throws IOException {
    // GIVEN
    String header =
        "{\"one\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
            + "\"none\":{\"dtype\":\"F16\",\"shape\":[0,3],\"data_offsets\":[4,4]}}";
    try (Checkpoint checkpoint = open(header, ModelFolder.floats(7))) {
      // WHEN / THEN
      assertThat(checkpoint.read("one", manager).getShape()).isEqualTo(new Shape());
      assertThat(checkpoint.read("one", manager).toFloatArray()).containsExactly(7f);
      assertThat(checkpoint.read("none", manager).getShape()).isEqualTo(new Shape(0, 3));
    }
  }

  @Test
  void rowsAreThoseOfTheWholeTensor() throws IOException {
    try (Checkpoint checkpoint = matrix("F32", 3, 2, ModelFolder.floats(0, 1, 10, 11, 20, 21))) {
      // WHEN
      NDArray rows = checkpoint.readRows("w", 1, 3, manager);

      // THEN
      assertThat(rows.getShape()).isEqualTo(new Shape(2, 2));
      assertThat(rows.toFloatArray()).containsExactly(10f, 11f, 20f, 21f);
      assertThat(checkpoint.readRows("w", 2, 2, manager).getShape()).isEqualTo(new Shape(0, 2));
    }
  }

  @Test
  void gatheredRowsMayRepeatAndComeInAnyOrder() throws IOException {
    try (Checkpoint checkpoint = matrix("F32", 3, 2, ModelFolder.floats(0, 1, 10, 11, 20, 21))) {
      // WHEN
      NDArray rows = checkpoint.gatherRows("w", new int[] {2, 0, 2}, manager);

      // THEN
      assertThat(rows.getShape()).isEqualTo(new Shape(3, 2));
      assertThat(rows.toFloatArray()).containsExactly(20f, 21f, 0f, 1f, 20f, 21f);
    }
  }

  @Test
  void theRowsOfAVectorAreItsElements() throws IOException {
    // GIVEN
    String header = "{\"b\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}";
    try (Checkpoint checkpoint = open(header, ModelFolder.floats(1, 2, 3))) {
      // WHEN / THEN
      assertThat(checkpoint.readRows("b", 1, 3, manager).toFloatArray()).containsExactly(2f, 3f);
      assertThat(checkpoint.gatherRows("b", new int[] {2}, manager).toFloatArray())
          .containsExactly(3f);
    }
  }

  @ParameterizedTest
  @CsvSource({"F16,2", "BF16,2", "F32,4", "F64,8"})
  void allWaysToReadAgreeOnATensorOfSeveralBuffers(String type, int bytes) throws IOException {
    // GIVEN rows that do not divide the buffer, and more than three buffers of them
    int columns = 1237;
    int rows = 3 * TransferBuffers.BYTES / (columns * bytes) + 5;
    byte[] data = new byte[rows * columns * bytes];
    new Random(1).nextBytes(data);
    try (Checkpoint checkpoint = matrix(type, rows, columns, data)) {
      // WHEN
      NDArray whole = checkpoint.read("w", manager);
      NDArray upper = checkpoint.readRows("w", 0, 100, manager);
      NDArray lower = checkpoint.readRows("w", 100, rows, manager);
      NDArray gathered = checkpoint.gatherRows("w", IntStream.range(0, rows).toArray(), manager);

      // THEN bit by bit
      int[] expected = new int[rows * columns];
      Widening.widen(TensorType.valueOf(type), ByteBuffer.wrap(data), IntBuffer.wrap(expected));
      assertThat(bits(whole)).isEqualTo(expected);
      assertThat(bits(gathered)).isEqualTo(expected);
      assertThat(bits(upper)).isEqualTo(Arrays.copyOf(expected, 100 * columns));
      assertThat(bits(lower))
          .isEqualTo(Arrays.copyOfRange(expected, 100 * columns, rows * columns));
    }
  }

  @Test
  void manyThreadsReadOneCheckpoint() throws IOException {
    // GIVEN
    float[] values = new float[400_000];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    try (Checkpoint checkpoint = matrix("F32", 400, 1000, ModelFolder.floats(values))) {
      // WHEN
      List<Boolean> equal =
          IntStream.range(0, 32)
              .parallel()
              .mapToObj(
                  i -> {
                    try (NDManager owner = manager.newSubManager()) {
                      return Arrays.equals(checkpoint.read("w", owner).toFloatArray(), values);
                    } catch (IOException e) {
                      throw new UncheckedIOException(e);
                    }
                  })
              .toList();

      // THEN
      assertThat(equal).hasSize(32).containsOnly(true);
    }
  }

  @Test
  void rowsThatAreNotThereAreRefused() throws IOException {
    try (Checkpoint checkpoint = matrix("F32", 3, 1, ModelFolder.floats(0, 1, 2))) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> checkpoint.readRows("w", 2, 4, manager))
          .withMessage("w: rows 2 to 4, expected a range within its 3 rows");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> checkpoint.readRows("w", 2, 1, manager));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> checkpoint.gatherRows("w", new int[] {0, 3}, manager))
          .withMessage("w: row 3, expected 0 to 2");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> checkpoint.gatherRows("w", new int[] {-1}, manager));
    }
  }

  @Test
  void aMissingTensorIsNamedWithItsFolder() throws IOException {
    try (Checkpoint checkpoint = matrix("F32", 1, 1, ModelFolder.floats(0))) {
      assertThatExceptionOfType(MalformedCheckpointException.class)
          .isThrownBy(() -> checkpoint.tensor("v"))
          .withMessage(checkpoint.path() + ": no tensor v");
    }
  }

  @Test
  void aQuantisedTensorIsNotRead() throws IOException {
    try (Checkpoint checkpoint = matrix("I8", 1, 1, new byte[1])) {
      assertThatExceptionOfType(MalformedCheckpointException.class)
          .isThrownBy(() -> checkpoint.read("w", manager))
          .withMessageContaining("w is I8, expected F32, F16, BF16 or F64");
    }
  }

  @Test
  void moreThanAnArrayHoldsIsToBeReadByRows() throws IOException {
    // GIVEN a sparse file of 2^29 halves, which are 2 GiB in float32
    String header =
        "{\"w\":{\"dtype\":\"F16\",\"shape\":[536870912],\"data_offsets\":[0,1073741824]}}";
    ModelFolder folder = ModelFolder.in(temp).weights(header);
    try (FileChannel file =
        FileChannel.open(folder.path.resolve("model.safetensors"), StandardOpenOption.WRITE)) {
      file.write(ByteBuffer.wrap(new byte[1]), 8 + header.length() + (1L << 30) - 1);
    }
    try (Checkpoint checkpoint = Checkpoint.open(folder.path)) {
      // WHEN / THEN
      assertThatIllegalArgumentException()
          .isThrownBy(() -> checkpoint.read("w", manager))
          .withMessageContaining("w: (536870912) in float32 takes 2 GiB or more");
      assertThat(checkpoint.readRows("w", 536870910, 536870912, manager).toFloatArray())
          .containsExactly(0f, 0f);
    }
  }

  @Test
  void aFileThatIsCutWhileOpenIsAnException() throws IOException {
    try (Checkpoint checkpoint = matrix("F32", 2, 1, ModelFolder.floats(0, 1))) {
      // GIVEN
      Path file = checkpoint.path().resolve("model.safetensors");
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
        channel.truncate(channel.size() - 1);
      }

      // WHEN / THEN
      assertThatIOException()
          .isThrownBy(() -> checkpoint.read("w", manager))
          .withMessageContaining("cut while it was open");
    }
  }

  @Test
  void aClosedCheckpointIsNotRead() throws IOException {
    // GIVEN
    Checkpoint checkpoint = matrix("F32", 1, 1, ModelFolder.floats(0));

    // WHEN
    checkpoint.close();

    // THEN
    assertThatExceptionOfType(IllegalStateException.class)
        .isThrownBy(() -> checkpoint.read("w", manager))
        .withMessageEndingWith(" is closed; open its folder again");
  }

  @Test
  void contentIsTheBytesAsStored() throws IOException {
    // GIVEN more than one buffer
    byte[] data = new byte[TransferBuffers.BYTES * 2 + 24];
    new Random(2).nextBytes(data);
    try (Checkpoint checkpoint = matrix("I64", data.length / 8, 1, data)) {
      // WHEN / THEN
      assertThat(bytes(checkpoint.content("w"))).isEqualTo(data);
    }
  }

  @Test
  void selectedRowsAreKeptInTheirType() throws IOException {
    // GIVEN 4 rows of 2 elements of 2 bytes: row r is bytes 4r to 4r + 3
    try (Checkpoint checkpoint = matrix("BF16", 4, 2, ModelFolder.counting(16))) {
      // WHEN / THEN
      assertThat(bytes(checkpoint.select("w", 0, ImmutableIntArray.of(0, 2, 3))))
          .containsExactly(0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15);
    }
  }

  @Test
  void selectedColumnsAreKeptInTheirType() throws IOException {
    // GIVEN 2 rows of 4 elements of 2 bytes
    try (Checkpoint checkpoint = matrix("F16", 2, 4, ModelFolder.counting(16))) {
      // WHEN / THEN
      assertThat(bytes(checkpoint.select("w", 1, ImmutableIntArray.of(1, 2))))
          .containsExactly(2, 3, 4, 5, 10, 11, 12, 13);
      assertThat(bytes(checkpoint.select("w", 1, ImmutableIntArray.of(0, 3))))
          .containsExactly(0, 1, 6, 7, 8, 9, 14, 15);
    }
  }

  @Test
  void nothingAndEverythingCanBeSelected() throws IOException {
    try (Checkpoint checkpoint = matrix("U8", 2, 3, ModelFolder.counting(6))) {
      assertThat(bytes(checkpoint.select("w", 1, ImmutableIntArray.of()))).isEmpty();
      assertThat(bytes(checkpoint.select("w", 0, ImmutableIntArray.of(0, 1))))
          .isEqualTo(ModelFolder.counting(6));
    }
  }

  @Test
  void anInnerAxisOfThreeIsSelectedToo() throws IOException {
    // GIVEN (2, 3, 2)
    String header = "{\"w\":{\"dtype\":\"U8\",\"shape\":[2,3,2],\"data_offsets\":[0,12]}}";
    try (Checkpoint checkpoint = open(header, ModelFolder.counting(12))) {
      // WHEN / THEN
      assertThat(bytes(checkpoint.select("w", 1, ImmutableIntArray.of(0, 2))))
          .containsExactly(0, 1, 4, 5, 6, 7, 10, 11);
    }
  }

  @Test
  void rowsThatAreNotKeptBecomeZeros() throws IOException {
    // GIVEN 4 rows of 2 elements of 2 bytes, 1 to 16
    try (Checkpoint checkpoint = matrix("BF16", 4, 2, countingFromOne(16))) {
      // WHEN / THEN
      assertThat(bytes(checkpoint.zeroed("w", 0, ImmutableIntArray.of(1, 2))))
          .containsExactly(0, 0, 0, 0, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 0);
    }
  }

  @Test
  void columnsThatAreNotKeptBecomeZeros() throws IOException {
    // GIVEN 2 rows of 4 elements of 2 bytes, 1 to 16
    try (Checkpoint checkpoint = matrix("F16", 2, 4, countingFromOne(16))) {
      // WHEN / THEN
      assertThat(bytes(checkpoint.zeroed("w", 1, ImmutableIntArray.of(0, 2))))
          .containsExactly(1, 2, 0, 0, 5, 6, 0, 0, 9, 10, 0, 0, 13, 14, 0, 0);
    }
  }

  @Test
  void zeroingAcrossBuffersMatchesAnIndexByIndexCopy() throws IOException {
    // GIVEN several buffers; every third column is zeroed
    int columns = 1_500_000;
    byte[] data = new byte[2 * columns];
    new Random(4).nextBytes(data);
    int[] kept = IntStream.range(0, columns).filter(column -> column % 3 != 1).toArray();
    byte[] expected = data.clone();
    for (int i = 0; i < expected.length; i++) {
      expected[i] = i % columns % 3 == 1 ? 0 : expected[i];
    }
    try (Checkpoint checkpoint = matrix("U8", 2, columns, data)) {
      // WHEN / THEN
      assertThat(bytes(checkpoint.zeroed("w", 1, ImmutableIntArray.copyOf(kept))))
          .isEqualTo(expected);
    }
  }

  @Test
  void longRunsOfZerosDoNotFitOneBuffer() throws IOException {
    // GIVEN
    byte[] data = new byte[3_000_000];
    Arrays.fill(data, (byte) 7);
    try (Checkpoint checkpoint = matrix("U8", 3, 1_000_000, data)) {
      // WHEN
      byte[] zeroed = bytes(checkpoint.zeroed("w", 0, ImmutableIntArray.of(2)));

      // THEN
      assertThat(zeroed).hasSize(3_000_000);
      assertThat(zeroed[1_999_999]).isZero();
      assertThat(zeroed[2_000_000]).isEqualTo((byte) 7);
      assertThat(IntStream.range(0, 3_000_000).filter(i -> zeroed[i] == 0).count())
          .isEqualTo(2_000_000);
    }
  }

  private static byte[] countingFromOne(int count) {
    byte[] bytes = ModelFolder.counting(count);
    for (int i = 0; i < count; i++) {
      bytes[i]++;
    }
    return bytes;
  }

  @ParameterizedTest
  @CsvSource({"2500,1200", "3,1500000"})
  void selectionAcrossBuffersMatchesAnIndexByIndexCopy(int rows, int columns) throws IOException {
    // GIVEN several buffers; rows shorter and longer than one; every third column is dropped
    byte[] data = new byte[rows * columns];
    new Random(3).nextBytes(data);
    int[] kept = IntStream.range(0, columns).filter(column -> column % 3 != 1).toArray();
    byte[] expected = new byte[rows * kept.length];
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < kept.length; i++) {
        expected[row * kept.length + i] = data[row * columns + kept[i]];
      }
    }
    try (Checkpoint checkpoint = matrix("U8", rows, columns, data)) {
      // WHEN / THEN
      assertThat(bytes(checkpoint.select("w", 1, ImmutableIntArray.copyOf(kept))))
          .isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @CsvSource({"0,0 2,axis 0", "0,1 0,axis 0", "1,1 1,axis 1", "1,-1 0,axis 1", "2,0,no axis 2"})
  void aSelectionAscendsWithinItsAxis(int axis, String indices, String message) throws IOException {
    // GIVEN
    ImmutableIntArray kept =
        ImmutableIntArray.copyOf(
            Arrays.stream(indices.split(" ")).mapToInt(Integer::parseInt).toArray());
    try (Checkpoint checkpoint = matrix("U8", 2, 2, new byte[4])) {
      // WHEN / THEN
      assertThatIllegalArgumentException()
          .isThrownBy(() -> checkpoint.select("w", axis, kept))
          .withMessageContaining(message);
    }
  }

  private Checkpoint matrix(String type, int rows, int columns, byte[] data) throws IOException {
    return open(
        String.format(
            "{\"w\":{\"dtype\":\"%s\",\"shape\":[%d,%d],\"data_offsets\":[0,%d]}}",
            type, rows, columns, data.length),
        data);
  }

  private Checkpoint open(String header, byte[] data) throws IOException {
    return Checkpoint.open(ModelFolder.in(temp).weights(header, data).path);
  }

  private static int[] bits(NDArray array) {
    float[] values = array.toFloatArray();
    int[] bits = new int[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(values[i]);
    }
    return bits;
  }

  private static byte[] bytes(TensorContent content) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    content.writeTo(Channels.newChannel(out));
    return out.toByteArray();
  }
}
