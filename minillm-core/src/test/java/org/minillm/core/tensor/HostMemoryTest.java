package org.minillm.core.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.nio.FloatBuffer;
import java.nio.ReadOnlyBufferException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HostMemoryTest {

  private final NDManager manager = Compute.cpu().newManager();

  private final NDArray array = manager.create(new float[] {1, 2, 3, 4}, new Shape(2, 2));

  @AfterEach
  void close() {
    HostMemory.copiesAlways = false;
    manager.close();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void elementsAreReadRowAfterRow(boolean copied) {
    HostMemory.copiesAlways = copied;
    // WHEN
    FloatBuffer floats = HostMemory.floats(array);
    // THEN
    float[] read = new float[4];
    floats.get(read);
    assertThat(read).containsExactly(1, 2, 3, 4);
    assertThat(floats.hasRemaining()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatIsReadCannotBeWrittenTo(boolean copied) {
    HostMemory.copiesAlways = copied;
    assertThatThrownBy(() -> HostMemory.floats(array).put(0, 5))
        .isInstanceOf(ReadOnlyBufferException.class);
    assertThatThrownBy(() -> HostMemory.bytes(array).put(0, (byte) 5))
        .isInstanceOf(ReadOnlyBufferException.class);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatIsFilledInIsInTheArray(boolean copied) {
    HostMemory.copiesAlways = copied;
    // WHEN
    HostMemory.fill(array, floats -> floats.put(new float[] {5, 6, 7, 8}));
    // THEN
    assertThat(array.toFloatArray()).containsExactly(5, 6, 7, 8);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void anUpdateSeesTheElementsAndLeavesTheOthers(boolean copied) {
    HostMemory.copiesAlways = copied;
    // WHEN
    HostMemory.update(array, floats -> floats.put(3, 10 * floats.get(3)));
    // THEN
    assertThat(array.toFloatArray()).containsExactly(1, 2, 3, 40);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void bytesAreThoseOfTheMachine(boolean copied) {
    HostMemory.copiesAlways = copied;
    // GIVEN
    NDArray other = manager.create(new Shape(2, 2));
    // WHEN
    HostMemory.fillBytes(other, bytes -> bytes.put(HostMemory.bytes(array)));
    // THEN
    assertThat(other.toFloatArray()).containsExactly(1, 2, 3, 4);
    assertThat(HostMemory.bytes(array).asFloatBuffer().get(2)).isEqualTo(3);
  }

  @Test
  void memoryOfTheHostIsNotCopied() {
    // GIVEN
    FloatBuffer view = HostMemory.floats(array);
    // WHEN
    HostMemory.update(array, floats -> floats.put(0, 9));
    // THEN
    assertThat(view.get(0)).isEqualTo(9);
  }

  @Test
  void memoryOfADeviceIsCopied() {
    HostMemory.copiesAlways = true;
    // GIVEN
    FloatBuffer copy = HostMemory.floats(array);
    // WHEN
    HostMemory.update(array, floats -> floats.put(0, 9));
    // THEN
    assertThat(copy.get(0)).isEqualTo(1);
  }

  @Test
  void otherTypesAreRejected() {
    // GIVEN
    NDArray doubles = manager.zeros(new Shape(2), DataType.FLOAT64);
    // THEN
    assertThatThrownBy(() -> HostMemory.floats(doubles))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("float64")
        .hasMessageContaining("expected float32");
  }
}
