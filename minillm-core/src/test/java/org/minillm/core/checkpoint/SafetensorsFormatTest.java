package org.minillm.core.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.assertj.core.api.ThrowableAssertAlternative;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The rules of https://github.com/huggingface/safetensors#format, one by one. */
class SafetensorsFormatTest {

  private static final String TWO =
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
          + "\"b\":{\"dtype\":\"U8\",\"shape\":[2,2],\"data_offsets\":[4,8]}}";

  @TempDir Path temp;

  @Test
  void tensorsAreListedInTheOrderOfTheirData() throws IOException {
    // GIVEN a header that names the second tensor first
    String header =
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]},"
            + "\"b\":{\"dtype\":\"I8\",\"shape\":[2],\"data_offsets\":[0,2]}}";

    // WHEN
    try (Checkpoint checkpoint = open(header, 4)) {
      // THEN
      assertThat(checkpoint.tensors().values())
          .containsExactly(
              new TensorInfo("b", TensorType.I8, new Shape(2)),
              new TensorInfo("a", TensorType.U8, new Shape(2)));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "F64,8",
    "F32,4",
    "F16,2",
    "BF16,2",
    "I64,8",
    "I32,4",
    "I16,2",
    "I8,1",
    "U64,8",
    "U32,4",
    "U16,2",
    "U8,1",
    "BOOL,1",
    "F8_E4M3,1",
    "F8_E5M2,1"
  })
  void everyTypeOfTheFormatIsUnderstood(String type, int bytes) throws IOException {
    // GIVEN / WHEN
    try (Checkpoint checkpoint = open(one(type, "[3]", "[0," + 3 * bytes + "]"), 3 * bytes)) {
      // THEN
      assertThat(checkpoint.tensor("x").type().name()).isEqualTo(type);
      assertThat(checkpoint.tensor("x").bytes()).isEqualTo(3L * bytes);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "{\"__metadata__\":{\"format\":\"pt\"}}",
        "{\"empty\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[0,0]}}",
      })
  void aFileMayHoldNoData(String header) throws IOException {
    open(header, 0).close();
  }

  @Test
  void aPartOfATensorStandsOnce() {
    // GIVEN
    String header = one("U8", "[0]", "[0,0],\"shape\":[0]");

    // WHEN / THEN
    assertThatMalformed(header, 0).withMessageContaining("x: 'shape' stands twice");
  }

  @Test
  void unknownPartsOfATensorAreSkipped() throws IOException {
    open(one("U8", "[0]", "[0,0],\"note\":{\"shape\":[9]}"), 0).close();
  }

  @Test
  void spacesMayFollowTheHeader() throws IOException {
    open(TWO + "     ", 8).close();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 7})
  void fewerThanEightBytesAreNoFile(int length) {
    // GIVEN
    ModelFolder folder = ModelFolder.in(temp).bytes("model.safetensors", new byte[length]);

    // WHEN / THEN
    assertThatMalformed(folder)
        .withMessageContaining("model.safetensors: " + length + " bytes, too short");
  }

  @ParameterizedTest
  @CsvSource({
    "0,0",
    "100000001,100000001",
    "-1,18446744073709551615",
    "9,9",
    "9223372036854775807,9223372036854775807"
  })
  void aHeaderLengthOutOfBoundsIsRefused(long length, String shown) {
    // GIVEN 8 bytes of length and 8 bytes of header
    byte[] file =
        ByteBuffer.allocate(16)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(length)
            .put("{}      ".getBytes(StandardCharsets.UTF_8))
            .array();

    // WHEN / THEN
    assertThatMalformed(ModelFolder.in(temp).bytes("model.safetensors", file))
        .withMessageContaining("a header of " + shown + " bytes, expected 1 to 8");
  }

  @ParameterizedTest
  @ValueSource(strings = {"[]", " {}", "\uFEFF{}", "null"})
  void aHeaderBeginsWithABrace(String header) {
    assertThatMalformed(header, 0).withMessageContaining("does not begin with '{'");
  }

  @ParameterizedTest
  @ValueSource(strings = {"{", "{]", "{\"a\"}", "{a:{}}", "{'a':{}}", "{\"a\":{},}", "{\"a\":nul}"})
  void aHeaderIsStrictJson(String header) {
    assertThatMalformed(header, 0).withMessageContaining("model.safetensors: ");
  }

  @Test
  void nothingButSpaceFollowsTheHeadersObject() {
    assertThatMalformed("{} {}", 0).withMessageContaining("model.safetensors");
  }

  @Test
  void aHeaderIsUtf8() {
    // GIVEN a name of which one byte can be in no UTF-8 text
    byte[] file = ModelFolder.safetensors("{\"__metadata__\":{\"?\":\"\"}}");
    file[8 + "{\"__metadata__\":{\"".length()] = (byte) 0xff;

    // WHEN / THEN
    assertThatMalformed(ModelFolder.in(temp).bytes("model.safetensors", file))
        .withMessageContaining("not valid JSON in UTF-8");
  }

  @Test
  void aTensorStandsOnce() {
    // GIVEN
    String entry = "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}";

    // WHEN / THEN
    assertThatMalformed("{" + entry + "," + entry + "}", 1)
        .withMessageContaining("'a' stands twice in the header");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "{\"__metadata__\":[]};BEGIN_ARRAY",
        "{\"__metadata__\":{\"a\":1}};__metadata__.a: NUMBER, expected STRING",
        "{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}};'a' stands twice",
        "{\"__metadata__\":{},\"__metadata__\":{}};'__metadata__' stands twice",
      })
  void metadataIsAMapOfStrings(String header, String message) {
    assertThatMalformed(header, 0).withMessageContaining(message);
  }

  @ParameterizedTest
  @ValueSource(strings = {"F31", "f32", "F4", ""})
  void anUnknownTypeIsNamed(String type) {
    assertThatMalformed(one(type, "[1]", "[0,4]"), 4)
        .withMessageContaining("x: unknown dtype '" + type + "', expected one of [F64, F32");
  }

  @ParameterizedTest
  @ValueSource(strings = {"[-1]", "[1.0]", "[1e0]", "[9223372036854775808]"})
  void sizesAreWholeNumbers(String shape) {
    assertThatMalformed(one("U8", shape, "[0,1]"), 1).withMessageContaining("x.shape: ");
  }

  @ParameterizedTest
  @ValueSource(strings = {"[\"1\"]", "1", "null", "[[1]]", "[true]"})
  void aShapeIsAnArrayOfNumbers(String shape) {
    assertThatMalformed(one("U8", shape, "[0,1]"), 1)
        .withMessageContaining("x.shape: ")
        .withMessageContaining("expected ");
  }

  @ParameterizedTest
  @ValueSource(strings = {"[]", "[0]", "[0,1,1]", "[1,0]"})
  void offsetsAreABeginAndAnEnd(String offsets) {
    assertThatMalformed(one("U8", "[1]", offsets), 1)
        .withMessageContaining("expected [begin, end]");
  }

  @ParameterizedTest
  @ValueSource(strings = {"dtype", "shape", "data_offsets"})
  void everyPartOfATensorIsRequired(String part) {
    // GIVEN
    String header = one("U8", "[1]", "[0,1]").replace(part, "other");

    // WHEN / THEN
    assertThatMalformed(header, 1)
        .withMessageContaining("x: dtype, shape and data_offsets are required");
  }

  @Test
  void whatIsLongIsQuotedByItsBeginning() {
    String word = "x".repeat(20_000);
    for (String header :
        List.of(
            one(word, "[1]", "[0,1]"),
            one("U8", "[" + "9".repeat(20_000) + "]", "[0,1]"),
            one("U8", "[1" + ",1".repeat(20_000) + "]", "[0,1]"),
            one("U8", "[1]", "[0,2]").replace("\"x\"", "\"" + word + "\""))) {
      assertThatMalformed(header, 1)
          .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(1_000));
    }
  }

  @Test
  void aHeaderThatIsNoJsonIsToldWithItsPlaceAlone() {
    assertThatMalformed("{\"x\":{\"dtype\":U8}}", 1)
        .withMessageEndingWith(
            "the header is not valid JSON in UTF-8: at line 1 column 15 path $.x.dtype");
  }

  @Test
  void offsetsHoldTheShapeExactly() {
    assertThatMalformed(one("F32", "[2,3]", "[0,20]"), 20)
        .withMessageContaining("x: data_offsets [0, 20] hold 20 bytes, but shape [2, 3] of F32")
        .withMessageContaining("takes 24");
  }

  @Test
  void aShapeWhoseSizeOverflowsIsRefused() {
    // GIVEN 2^32 * 2^32 elements, which wrap to 0
    assertThatMalformed(one("U8", "[4294967296,4294967296]", "[0,0]"), 0)
        .withMessageContaining("2^63");
  }

  @Test
  void tensorsDoNotOverlap() {
    // GIVEN
    String header = TWO.replace("[4,8]", "[3,7]");

    // WHEN / THEN
    assertThatMalformed(header, 8).withMessageContaining("b: begins at 3, overlaps a up to 4");
  }

  @Test
  void tensorsLeaveNoHole() {
    // GIVEN
    String header = TWO.replace("[4,8]", "[6,10]");

    // WHEN / THEN
    assertThatMalformed(header, 10).withMessageContaining("a hole of 2 bytes between a and b");
  }

  @Test
  void theFirstTensorFollowsTheHeader() {
    assertThatMalformed(one("U8", "[1]", "[1,2]"), 2)
        .withMessageContaining("a hole of 1 bytes between the header and x");
  }

  @Test
  void aTruncatedFileIsToldWithBothSizes() {
    assertThatMalformed(TWO, 7)
        .withMessageContaining("the data ends after 7 bytes, expected 8; the file is truncated");
  }

  @Test
  void theTensorsReachTheEndOfTheFile() {
    assertThatMalformed(TWO, 9).withMessageContaining("9 bytes of data, expected 8");
  }

  @Test
  void theHeaderIsRenderedAsHuggingFaceDoes() {
    // GIVEN
    TensorInfo info = new TensorInfo("w", TensorType.BF16, new Shape(2, 3));

    // WHEN
    byte[] head = SafetensorsHeader.render(List.of(info));

    // THEN metadata first, no spaces but the padding to a multiple of 8
    String json =
        "{\"__metadata__\":{\"format\":\"pt\"},"
            + "\"w\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[0,12]}}";
    assertThat(head.length % 8).isZero();
    assertThat(head).isEqualTo(ModelFolder.safetensors(padded(json)));
  }

  private static String padded(String json) {
    char[] text = Arrays.copyOf(json.toCharArray(), (json.length() + 7) / 8 * 8);
    Arrays.fill(text, json.length(), text.length, ' ');
    return new String(text);
  }

  private static String one(String type, String shape, String offsets) {
    return String.format(
        "{\"x\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":%s}}", type, shape, offsets);
  }

  private Checkpoint open(String header, int dataBytes) throws IOException {
    return Checkpoint.open(ModelFolder.in(temp).weights(header, new byte[dataBytes]).path);
  }

  private ThrowableAssertAlternative<MalformedCheckpointException> assertThatMalformed(
      String header, int dataBytes) {
    return assertThatMalformed(ModelFolder.in(temp).weights(header, new byte[dataBytes]));
  }

  private static ThrowableAssertAlternative<MalformedCheckpointException> assertThatMalformed(
      ModelFolder folder) {
    return assertThatExceptionOfType(MalformedCheckpointException.class)
        .isThrownBy(() -> Checkpoint.open(folder.path))
        .withMessageContaining("model.safetensors");
  }
}
