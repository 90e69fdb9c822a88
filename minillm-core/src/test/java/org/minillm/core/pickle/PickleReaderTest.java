package org.minillm.core.pickle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.google.common.collect.ImmutableSet;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.files.MalformedFileException;

/** Pickles as Python 3.11 writes them, by hand or by {@code pickle.dumps(…).hex()}. */
class PickleReaderTest {

  private static Object read(String hex) throws MalformedFileException {
    return PickleReader.read(
        HexFormat.of().parseHex(hex), "f", ImmutableSet.of("collections.OrderedDict"));
  }

  @ParameterizedTest
  @CsvSource({
    "80024b05 2e,5",
    "80024d2c01 2e,300",
    "80024affffffff 2e,-1",
    "80028a0500e40b5402 2e,10000000000",
    "80028a00 2e,0"
  })
  void wholeNumbersAreLongs(String hex, long expected) throws MalformedFileException {
    assertThat(read(hex.replace(" ", ""))).isEqualTo(expected);
  }

  /** {@code pickle.dumps({"a": [1, 2.5, None, True], "b": ("x", "é")}, protocol)}. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "80027d71002858010000006171015d7102284b014740040000000000004e8865580100000062710358010000007871045802000000c3a97105867106752e",
        "80049529000000000000007d94288c0161945d94284b014740040000000000004e88658c0162948c0178948c02c3a9948694752e"
      })
  void containersAreReadInEveryProtocol(String hex) throws MalformedFileException {
    assertThat(read(hex))
        .isEqualTo(Map.of("a", List.of(1L, 2.5, PickleReader.NONE, true), "b", List.of("x", "é")));
  }

  @Test
  void aCallIsHandedOutAndNotMade() throws MalformedFileException {
    // GIVEN pickle.dumps(collections.OrderedDict(a=1), 2)
    PickledCall call =
        (PickledCall)
            read(
                "800263636f6c6c656374696f6e730a4f726465726564446963740a71002952710158010000"
                    + "006171024b01732e");

    // THEN
    assertThat(call.function().name()).isEqualTo("collections.OrderedDict");
    assertThat(call.items()).containsExactly(Map.entry("a", 1L));
  }

  @Test
  void aFunctionThatWeightsDoNotNeedIsNamed() {
    // GIVEN what pickle makes of an object whose __reduce__ is (os.system, ("id",))
    String hex = "800263706f7369780a73797374656d0a7100580200000069647101857102527103" + "2e";

    // WHEN / THEN
    assertThatExceptionOfType(MalformedFileException.class)
        .isThrownBy(() -> read(hex))
        .withMessageContaining("needs Python's posix.system, which is not run here");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "80", // cut
        "8002", // ends without a value
        "80022e", // takes a value where there is none
        "8002742e", // a run of values where none begins
        "800268052e", // refers to a value that is not there
        "80024b0158ffffffff2e", // a text longer than the file
        "80028d00000000000000802e", // and one of a negative length
        "80024b014b02732e", // an item put into a number
        "80024b014b02612e", // appended to a number
        "80024b014b02522e", // a number called
        "80027d5d4b01732e", // a list as a key
        "80057d284b01752e", // a key without a value
        "80ff4b012e", // no such protocol
        "49310a2e", // protocol 0
        "ff2e" // no opcode
      })
  void whatIsWrongIsRefused(String hex) {
    assertThatExceptionOfType(MalformedFileException.class)
        .isThrownBy(() -> read(hex))
        .withMessageStartingWith("f: byte ");
  }

  @Test
  void memoryIsBoundedByTheNumberOfValues() {
    // GIVEN empty dictionaries without end
    ByteArrayOutputStream flood = new ByteArrayOutputStream();
    flood.writeBytes(new byte[] {(byte) 0x80, 2});
    byte[] dictionaries = new byte[3_000_000];
    Arrays.fill(dictionaries, (byte) '}');
    flood.writeBytes(dictionaries);

    // WHEN / THEN
    assertThatExceptionOfType(MalformedFileException.class)
        .isThrownBy(() -> PickleReader.read(flood.toByteArray(), "f", ImmutableSet.of()))
        .withMessageContaining("more than 2000000 opcodes");
  }
}
