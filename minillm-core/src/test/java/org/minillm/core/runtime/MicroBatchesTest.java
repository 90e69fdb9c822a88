package org.minillm.core.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.minillm.core.checkpoint.ScratchFile;
import org.minillm.core.journal.ArraySource;

/** Micro-batches are the same in memory and in a scratch file. */
class MicroBatchesTest {

  @TempDir private Path temp;

  private final NDManager manager = NDManager.newBaseManager();

  @AfterEach
  void free() {
    manager.close();
  }

  /** Two micro-batches: (2, 2) and, with fewer rows, (1, 2). */
  private MicroBatches stream(boolean spilled) throws IOException {
    MicroBatches stream =
        new MicroBatches(manager.newSubManager(), spilled ? ScratchFile.near(temp) : null);
    stream.add(manager.create(new float[] {1, 2, 3, Float.NaN}, new Shape(2, 2)));
    stream.add(manager.create(new float[] {5, 6}, new Shape(1, 2)));
    return stream;
  }

  private List<float[]> values(ArraySource source) throws IOException {
    List<float[]> values = new ArrayList<>();
    for (int i = 0; i < source.shapes().size(); i++) {
      values.add(source.read(i, manager).toFloatArray());
    }
    return values;
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void microBatchesKeepTheirShapesAndBits(boolean spilled) throws IOException {
    try (MicroBatches stream = stream(spilled)) {
      assertThat(stream.isSpilled()).isEqualTo(spilled);
      assertThat(stream.shapes()).containsExactly(new Shape(2, 2), new Shape(1, 2));
      assertThat(values(stream))
          .containsExactly(new float[] {1, 2, 3, Float.NaN}, new float[] {5, 6});
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aLayerReplacesMicroBatchAfterMicroBatch(boolean spilled) throws IOException {
    try (MicroBatches stream = stream(spilled)) {
      // GIVEN the micro-batches, held in memory by somebody
      List<NDArray> before = stream.all();

      // WHEN each is doubled
      stream.forEach((batch, hidden, scratch) -> stream.set(batch, hidden.mul(2)));

      // THEN they are there, and those before them are gone
      assertThat(values(stream))
          .containsExactly(new float[] {2, 4, 6, Float.NaN}, new float[] {10, 12});
      assertThat(before).allMatch(NDArray::isReleased);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void theyGoOnWhereOthersStood(boolean spilled) throws IOException {
    try (MicroBatches one = stream(spilled);
        MicroBatches other = stream(!spilled);
        MicroBatches anew =
            new MicroBatches(manager.newSubManager(), spilled ? ScratchFile.near(temp) : null)) {
      // GIVEN two streams after each other, the second of them one layer further
      other.forEach((batch, hidden, scratch) -> other.set(batch, hidden.add(1)));
      ArraySource both = ArraySource.concat(List.of(one, other));
      assertThat(both.shapes()).hasSize(4);

      // WHEN a third takes over the second's place
      anew.copy(both, 2, 2);

      // THEN
      assertThat(values(anew))
          .containsExactly(new float[] {2, 3, 4, Float.NaN}, new float[] {6, 7});
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatTwoReadIsThereUntilBothHaveClosedIt(boolean spilled) throws IOException {
    // GIVEN micro-batches that somebody else reads, too
    MicroBatches stream = stream(spilled);
    MicroBatches other = stream.shared();
    assertThat(stream.isShared()).isTrue();

    // WHEN one has closed them
    stream.close();

    // THEN they are the other's
    assertThat(other.isShared()).isFalse();
    assertThat(values(other)).hasSize(2);
    other.close();
    assertThat(other.shapes()).isEmpty();
    assertThat(Files.list(temp)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aClosedStreamLeavesNothing(boolean spilled) throws IOException {
    // GIVEN a stream and what it showed
    MicroBatches stream = stream(spilled);
    List<NDArray> shown = stream.all();

    // WHEN it is closed
    stream.close();

    // THEN
    assertThat(shown).allMatch(NDArray::isReleased);
    assertThat(stream.shapes()).isEmpty();
    assertThat(Files.list(temp)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(ints = {3, 40})
  void aSpilledStreamHoldsOneMicroBatchAtATime(int batches) throws IOException {
    // GIVEN many micro-batches on the disk
    try (MicroBatches stream = new MicroBatches(manager.newSubManager(), ScratchFile.near(temp))) {
      for (int i = 0; i < batches; i++) {
        stream.add(manager.create(new float[] {i}));
      }

      // WHEN a layer goes through them
      List<NDArray> seen = new ArrayList<>();
      stream.forEach(
          (batch, hidden, scratch) -> {
            assertThat(seen).allMatch(NDArray::isReleased);
            seen.add(hidden);
            NDArray after = hidden.add(1);
            stream.set(batch, after);
            seen.add(after);
          });

      // THEN at each one all before it was gone
      assertThat(seen).hasSize(2 * batches).allMatch(NDArray::isReleased);
    }
  }
}
