package org.minillm.core.journal;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.common.hash.Hashing;
import com.google.common.primitives.Bytes;
import com.google.common.primitives.Ints;
import com.google.gson.JsonPrimitive;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is damaged in a journal counts as not saved; nothing is made of it before that is known. */
class DamagedJournalTest {

  private static final Map<String, String> RUN = Map.of("criterion", "fms", "model", "café");
  private static final byte[] FORM = {'M', 'L', 'J', '2'};

  @TempDir private Path temp;

  private final NDManager manager = NDManager.newBaseManager();
  private byte[] state;
  private byte[] run;

  @BeforeEach
  void save() throws IOException {
    try (JournalFolder journal = open()) {
      NDArray stream = manager.create(new float[] {1, 2, 3, 4}, new Shape(2, 2));
      journal.saveIfDue(
          "score", () -> new PassState(3, new JsonPrimitive(0.1), ArraySource.of(List.of(stream))));
    }
    state = Files.readAllBytes(stateFile());
    run = Files.readAllBytes(runFile());
  }

  @AfterEach
  void free() {
    manager.close();
  }

  private JournalFolder open() throws IOException {
    return JournalFolder.open(temp.resolve("out.journal"), RUN, Duration.ZERO);
  }

  private Path stateFile() {
    return temp.resolve("out.journal").resolve("score.state");
  }

  private Path runFile() {
    return temp.resolve("out.journal").resolve("run.json");
  }

  /** Writes a journal and looks its pass up. */
  private boolean isFound(byte[] runBytes, byte[] stateBytes) throws IOException {
    Files.createDirectories(stateFile().getParent());
    Files.write(runFile(), runBytes);
    Files.write(stateFile(), stateBytes);
    try (JournalFolder journal = open()) {
      return journal.find("score").isPresent();
    }
  }

  private static byte[] flipped(byte[] bytes, int bit) {
    byte[] flipped = bytes.clone();
    flipped[bit / Byte.SIZE] ^= (byte) (1 << bit % Byte.SIZE);
    return flipped;
  }

  @Test
  void aStateWithABitFlippedCountsAsNotSaved() throws IOException {
    assertThat(isFound(run, state)).isTrue();
    for (int bit = 0; bit < state.length * Byte.SIZE; bit++) {
      assertThat(isFound(run, flipped(state, bit))).as("bit %d", bit).isFalse();
    }
  }

  @Test
  void aStateThatIsTooShortOrTooLongCountsAsNotSaved() throws IOException {
    for (int length = 0; length < 2 * state.length; length++) {
      assertThat(isFound(run, Arrays.copyOf(state, length)))
          .as("%d bytes", length)
          .isEqualTo(length == state.length);
    }
  }

  @Test
  void aJournalWithABitFlippedInItsRunBeginsAnew() throws IOException {
    for (int bit = 0; bit < run.length * Byte.SIZE; bit++) {
      assertThat(isFound(flipped(run, bit), state)).as("bit %d", bit).isFalse();
      assertThat(stateFile()).as("bit %d", bit).doesNotExist();
    }
  }

  @Test
  void aJournalWhoseRunIsCutShortBeginsAnew() throws IOException {
    for (int length = 0; length < run.length; length++) {
      assertThat(isFound(Arrays.copyOf(run, length), state)).as("%d bytes", length).isFalse();
    }
  }

  private static byte[] withChecksum(byte[] bytes) {
    return Bytes.concat(bytes, Hashing.crc32c().hashBytes(bytes).asBytes());
  }

  private static byte[] state(byte[] form, int length, String json, int streamBytes) {
    return withChecksum(
        Bytes.concat(
            form,
            Ints.toByteArray(length),
            json.getBytes(StandardCharsets.UTF_8),
            new byte[streamBytes]));
  }

  @Test
  void aStateMadeByHandIsOne() throws IOException {
    String json = "{\"layers\":1,\"findings\":null,\"streams\":[[2]]}";
    assertThat(isFound(run, state(FORM, json.length(), json, 8))).isTrue();
    assertThat(isFound(run, state(new byte[4], json.length(), json, 8))).isFalse();
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 3, 100, Integer.MAX_VALUE, Integer.MIN_VALUE})
  void aLengthThatTheFileDoesNotHaveCountsAsNotSaved(int length) throws IOException {
    String json = "{\"layers\":1,\"findings\":null,\"streams\":[]}";
    assertThat(isFound(run, state(FORM, length, json, 0))).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "null",
        "[]",
        "{}",
        "{\"layers\":1,\"findings\":null}",
        "{\"layers\":1,\"streams\":[[2]]}",
        "{\"layers\":-1,\"findings\":null,\"streams\":[[2]]}",
        "{\"layers\":1e9,\"findings\":null,\"streams\":[[2]]}",
        "{\"layers\":{},\"findings\":null,\"streams\":[[2]]}",
        "{\"layers\":1,\"findings\":NaN,\"streams\":[[2]]}",
        "{\"layers\":1,\"findings\":null,\"streams\":2}",
        "{\"layers\":1,\"findings\":null,\"streams\":[2]}",
        "{\"layers\":1,\"findings\":null,\"streams\":[[]]}",
        "{\"layers\":1,\"findings\":null,\"streams\":[[-2]]}",
        "{\"layers\":1,\"findings\":null,\"streams\":[[-2, -1]]}",
        "{\"layers\":1,\"findings\":null,\"streams\":[[\"2\"]]}",
        "{\"layers\":1,\"findings\":null,\"streams\":[[3]]}",
        // products that overflow to 2
        "{\"layers\":1,\"findings\":null,\"streams\":[[2147483647,2147483647,4,2],[2]]}",
        "{\"layers\":1,\"findings\":null,\"streams\":[[1073741824,1073741824,16],[2]]}"
      })
  void whatIsNoStateCountsAsNotSavedThoughItsChecksumIsRight(String json) throws IOException {
    assertThat(isFound(run, state(FORM, json.length(), json, 8))).isFalse();
  }

  @Test
  void findingsNestedWithoutEndCountAsNotSaved() throws IOException {
    String json =
        "{\"layers\":1,\"streams\":[],\"findings\":"
            + "[".repeat(1_000_000)
            + "]".repeat(1_000_000)
            + "}";
    assertThat(isFound(run, state(FORM, json.length(), json, 0))).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"{\"criterion\":7}", "{\"criterion\":\"fms\",\"criterion\":\"fms\"}", "{]}"})
  void aRunOfAnotherFormBeginsAnewThoughItsChecksumIsRight(String facts) throws IOException {
    String checksum = Hashing.crc32c().hashString(facts, StandardCharsets.UTF_8).toString();
    String json = "{\"journal\":2,\"crc32c\":\"" + checksum + "\",\"run\":" + facts + "}";
    assertThat(isFound(json.getBytes(StandardCharsets.UTF_8), state)).isFalse();
  }

  @Test
  void whatAnotherVersionWroteCountsAsNotSaved() throws IOException {
    // GIVEN the journal of a version that had no checksum in run.json, and none of the form in a
    // state
    byte[] withoutForm =
        withChecksum(Arrays.copyOfRange(state, FORM.length, state.length - Ints.BYTES));

    // WHEN this one finds it
    // THEN it begins anew
    assertThat(isFound("{\"criterion\":\"fms\"}".getBytes(StandardCharsets.UTF_8), state))
        .isFalse();
    assertThat(isFound(run, withoutForm)).isFalse();
  }
}
